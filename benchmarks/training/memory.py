"""Peak memory of a full run on all reviews, in a process that does nothing else.

python -m benchmarks.training.memory --short     reading, encoding, first validation and 300 steps
python -m benchmarks.training.memory --full      the whole run
"""

import sys
from pathlib import Path

from benchmarks.harness import data, machine, report
from benchmarks.training import unfreeze_loop
from ftcore.events import Progress
from ftcore.models import checkpoints
from ftcore.runs import train

STEPS = 300  # the longest batches are among the first


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.home():
        measure(data.archive(), 0 if full else STEPS)


def measure(source: Path, steps: int) -> None:
    """Train for so many steps (0: to the end), measure and print."""
    report.heading("Peak memory of a full run")
    ref = unfreeze_loop.REF
    task = train.train(unfreeze_loop.config(source), checkpoints.run_path(ref), ref)
    before_training = 0.0
    for event in task:
        if isinstance(event, Progress) and event.phase == "training":
            before_training = before_training or machine.megabytes("VmHWM")
            if steps and event.done >= steps:
                break
    task.close()
    figures = {"before_training": before_training, "peak_megabytes": machine.megabytes("VmHWM")}
    report.table(["MB", "peak"], [[name, f"{value:,.0f}"] for name, value in figures.items()])
    report.result("memory", **figures)


if __name__ == "__main__":
    main(sys.argv[1:])
