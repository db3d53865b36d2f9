"""How a benchmark takes its options and says what it found: tables for people, JSON lines for programs."""

import argparse
import json
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.harness import machine


def options(description: str, argv: Sequence[str] | None = None, **more: Any) -> Any:
    """`--short` or `--full`, as `full`; `more` names further options by their help."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--short", action="store_true", help="a few minutes at most (the default)")
    which.add_argument("--full", action="store_true", help="as long as it takes")
    for name, text in more.items():
        parser.add_argument(f"--{name}", default="", metavar=name.upper(), help=text)
    return parser.parse_args(argv)


def heading(title: str) -> None:
    """What is measured, and on what."""
    print(f"\n## {title}\n\n{machine.describe()}\n", flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Markdown that is also legible as it stands: the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (cells[0], rule, *cells[1:]):
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("|", " | ".join([first, *others]), "|")
    print(flush=True)


def result(benchmark: str, **figures: Any) -> None:
    """One JSON line, with the machine."""
    print(json.dumps({"benchmark": benchmark, **figures, "machine": machine.facts()}), flush=True)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, smallest and largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def short(value: float) -> float:
    """Four digits, as nobody measures more."""
    return float(f"{value:.4g}")
