"""A learning curve to take away: an HTML file that needs no other file or server, and its points as CSV."""

from collections.abc import Sequence

import pandas as pd

from ftcore.experiments import comparison
from ftcore.experiments.learning_curve import analysis
from ftcore.experiments.learning_curve.curves import largest
from ftcore.experiments.result import Result
from pages.components.charts import run_curves
from pages.components.compare import learning_curve_summary, report
from pages.components.text.escaping import escape_formulas, escape_html

NAMES = {"accuracy": "learning-curve", "macro-f1": "learning-curve-macro-f1"}


def html(results: Sequence[Result]) -> bytes:
    """Everything that the Compare page shows of a finished learning curve, as one file."""
    found = analysis.analyse(results)
    figures = [
        (NAMES[measure], fig)
        for measure, fig in learning_curve_summary.figures(found, results).items()
    ]
    places = "".join(f'<div data-figure="{number}"></div>' for number in range(len(figures)))
    body = [report.origin(results), report.verdict_section(found.sentence, found.findings)]
    if found.curves:
        settings = report.settings_table(comparison.sides(largest(results)))
        body += [f"<section>{places}</section>", _table(found), "<h2>Settings</h2>", settings]
    return report.page(results, body, figures)


def csv(results: Sequence[Result]) -> bytes:
    """A row for each run."""
    table = pd.DataFrame(analysis.points(results))
    return escape_formulas(table).to_csv(index=False).encode()


def _table(found: analysis.Analysis) -> str:
    rows = learning_curve_summary.rows(found)
    colours = run_curves.colours([curve.mode for curve in found.curves])
    lines = []
    for row, colour in zip(rows, colours, strict=True):
        mode, *cells = map(escape_html, row.values())
        mode = f'<span class="dot" style="background:{colour}"></span>{mode}'
        lines.append(f"<tr><td>{'</td><td>'.join([mode, *cells])}</td></tr>")
    caption = f'<p class="quiet">{escape_html(learning_curve_summary.caption(found))}</p>'
    return report.table(list(rows[0]), lines, "results") + caption
