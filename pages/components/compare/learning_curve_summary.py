"""What a learning curve shows, in a sentence, figures and a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from ftcore import statistics
from ftcore.experiments.comparison import Side
from ftcore.experiments.learning_curve import analysis, verdict
from ftcore.experiments.learning_curve.analysis import Analysis
from ftcore.experiments.learning_curve.curves import curves
from ftcore.experiments.result import Measure, Result
from pages.components.charts.learning_curve_figure import learning_curve, titles
from pages.components.charts.palette import mode_badge
from pages.components.compare.summary import PLUS_MINUS, coloured_parts


def caption(found: Analysis) -> str:
    """What the figures of `rows` mean."""
    measure = titles(found.curves)[found.curves[0].measure]
    return f"{measure} by number of training texts. ± is half of a 95% interval."


@dataclass(frozen=True)
class Summary:
    """The content of the page of a finished learning curve."""

    sentence: list[tuple[str, str]]  # see `coloured_parts`
    worth: list[str]  # of the findings, those on where pretraining wins
    findings: list[str]
    table: pd.DataFrame  # `rows` with Markdown
    caption: str
    figures: dict[Measure, str]  # JSON
    titles: dict[Measure, str]  # of the figures


def summarize(results: list[Result]) -> Summary:
    """Everything that the page shows, from results of runs that have ended."""
    found = analysis.analyse(results)
    table = pd.DataFrame(rows(found))
    if len(table):
        table["Mode"] = [mode_badge(curve.mode, curve.label) for curve in found.curves]
    return Summary(
        coloured_parts(found.sentence, first_sides(found)),
        found.worth,
        found.findings,
        table,
        caption(found) if found.curves else "",
        {measure: fig.to_json() for measure, fig in figures(found, results).items()},
        titles(found.curves),
    )


def first_sides(found: Analysis) -> list[Side]:
    """A side of each curve, which has its name and mode."""
    return [next(iter(curve.sides.values())) for curve in found.curves]


def figures(found: Analysis, results: Sequence[Result]) -> dict[Measure, go.Figure]:
    """A chart for each measure that the runs have, first the one that the sentence is about."""
    if not found.curves:
        return {}
    crossings = verdict.main_crossings(found.curves, found.crossings)
    main = found.curves[0].measure
    charts = {main: learning_curve(found.curves, crossings, found.forecasts, found.checks)}
    complete = [result for result in results if result.complete]
    for measure in titles(found.curves):
        known = measure == "accuracy" or all(result.macro_f1 is not None for result in complete)
        if measure != main and known:
            charts[measure] = learning_curve(curves(results, measure))
    return charts


def rows(found: Analysis) -> list[dict[str, str]]:
    """A row for each mode with its score at each size, as plain text by column."""
    sizes = sorted({size for curve in found.curves for size in curve.sizes})
    table = []
    for curve in found.curves:
        row = {"Mode": curve.label}
        for size in sizes:
            side = curve.sides.get(size)
            row[f"{size:,}"] = ""
            if side:
                half = statistics.width(side.interval) * 50  # in points
                row[f"{size:,}"] = f"{side.score:.1%}{PLUS_MINUS}{half:.1f}"
        table.append(row)
    return table
