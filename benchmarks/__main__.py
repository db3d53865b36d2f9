"""Run the benchmarks, each in its own process.

python -m benchmarks --short     the speed of training and predictions, 10 minutes or less on 2 quiet cores
python -m benchmarks --full      the full form of each
"""

import subprocess
import sys
import time

from benchmarks.harness import report
from ftcore import paths

SPEED = ("training.lesson", "training.scaling", "inference.predict", "training.memory")
OTHERS = (
    "data.near_duplicates",
    "data.import_rows",
    "inference.prediction_sets",
    "inference.serving",
    "inference.batch_predictions",
    "labels.proposals",
    "labels.second_look",
    "labels.active_learning",
    "labels.label_page",
)


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    option, names = ("--full", (*SPEED, *OTHERS)) if full else ("--short", SPEED)
    began = time.monotonic()
    failed = []
    for name in names:
        command = [sys.executable, "-m", f"benchmarks.{name}", option]
        if subprocess.run(command, cwd=paths.ROOT).returncode:
            failed.append(name)
    print(f"\nAll took {time.monotonic() - began:.0f} s.")
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
