"""Run every benchmark, each in its own process.

python -m benchmarks --short     10 minutes or less on 2 quiet cores
python -m benchmarks --full      everything
"""

import subprocess
import sys
import time

from benchmarks.harness import report
from ftcore import paths

NAMES = (
    "data.near_duplicates",
    "data.import_rows",
    "training.lesson",
    "training.scaling",
    "inference.predict",
    "inference.prediction_sets",
    "inference.serving",
    "inference.batch_predictions",
    "labels.proposals",
    "labels.second_look",
    "labels.active_learning",
    "labels.label_page",
    "training.memory",
)


def main(argv: list[str] | None = None) -> None:
    option = "--full" if report.options(__doc__ or "", argv).full else "--short"
    began = time.monotonic()
    failed = []
    for name in NAMES:
        command = [sys.executable, "-m", f"benchmarks.{name}", option]
        if subprocess.run(command, cwd=paths.ROOT).returncode:
            failed.append(name)
    print(f"\nAll took {time.monotonic() - began:.0f} s.")
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
