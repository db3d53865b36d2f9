"""Run every benchmark, each in its own process.

python -m benchmarks --short     10 minutes or less on 2 quiet cores
python -m benchmarks --full      everything; also draws docs/images/scaling.svg
"""

import subprocess
import sys
import time

from benchmarks.harness import report
from ftcore import paths

NAMES = ("training.lesson", "training.scaling", "inference.predict", "training.memory")
PICTURE = paths.ROOT / "docs" / "images" / "scaling.svg"


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    began = time.monotonic()
    failed = []
    for name in NAMES:
        more = ["--picture", str(PICTURE)] if full and name == "training.scaling" else []
        command = [sys.executable, "-m", f"benchmarks.{name}", "--full" if full else "--short"]
        if subprocess.run([*command, *more], cwd=paths.ROOT).returncode:
            failed.append(name)
    print(f"\nAll took {time.monotonic() - began:.0f} s.")
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main(sys.argv[1:])
