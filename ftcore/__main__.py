"""Runs the command line: `python -m ftcore --help`."""

import sys

from ftcore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
