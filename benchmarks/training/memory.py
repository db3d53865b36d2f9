"""The peak memory of a full run on all reviews, in a process that does nothing else.

python -m benchmarks.training.memory --short     its reading, encoding, first validation and 300 steps
python -m benchmarks.training.memory --full      all of it, the command line's record included
"""

import resource
import sys
from pathlib import Path

from benchmarks.harness import data, report
from benchmarks.training import ours
from ftcore.events import Progress
from ftcore.models import checkpoints
from ftcore.runs import train

STEPS = 300  # the longest batches have long been among them


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.home():
        measure(data.archive(), 0 if full else STEPS)


def measure(source: Path, steps: int) -> None:
    """Run ftcore's own task, up to `steps` steps of training where that is not 0."""
    report.heading("Peak memory of a full run")
    task = train.train(ours.config(source), checkpoints.run_path(ours.REF), ours.REF)
    reading = 0.0
    for event in task:
        if isinstance(event, Progress):
            if event.phase == "training" and not reading:
                reading = peak()
            if event.phase == "training" and steps and event.done >= steps:
                break
    task.close()
    whole = peak()
    report.table(
        ["MB", "peak"], [["before training", f"{reading:,.0f}"], ["whole", f"{whole:,.0f}"]]
    )
    report.result(
        "memory", peak_megabytes=report.short(whole), before_training=report.short(reading)
    )


def peak() -> float:
    """Most memory that this process ever held, in 10⁶ bytes.

    Linux says so itself; `getrusage` there starts with the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
