"""Options and output of a benchmark: tables for people, JSON lines for programs."""

import argparse
import json
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.harness import machine


def options(
    description: str, argv: Sequence[str] | None = None, **switches: str
) -> argparse.Namespace:
    """Parse `--short` or `--full` (as `full`), and further switches, given as name=help."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--short", action="store_true", help="a few minutes at most (the default)")
    which.add_argument("--full", action="store_true", help="as long as it takes")
    for name, help in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=help)
    return parser.parse_args(argv)


def heading(title: str) -> None:
    """Print the title and the machine."""
    print(f"\n## {title}\n\n{machine.describe()}\n", flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table, its first column aligned left and the others right."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (cells[0], rule, *cells[1:]):
        others = map(str.rjust, row[1:], widths[1:])
        print("|", " | ".join([row[0].ljust(widths[0]), *others]), "|")
    print(flush=True)


def result(benchmark: str, **figures: Any) -> None:
    """Print one line of JSON with the figures and the machine."""
    line = {"benchmark": benchmark, **figures, "machine": machine.facts()}
    print(json.dumps(rounded(line)), flush=True)


def rounded(figures: Any) -> Any:
    """The same structure with each float rounded to four significant digits."""
    if isinstance(figures, dict):
        return {name: rounded(value) for name, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [rounded(value) for value in figures]
    return float(f"{figures:.4g}") if isinstance(figures, float) else figures


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, smallest and largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"
