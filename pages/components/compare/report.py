"""A comparison to take away: an HTML file that needs no other file or server, and the curves as CSV."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ftcore import __version__, colours, formatting
from ftcore.colours import model_colour
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from ftcore.relevance import shown_values
from pages.components.charts import answers_figure, curve_figures, diagnostics_figures
from pages.components.charts.live_chart import metrics_of
from pages.components.charts.tradeoff_figure import side_colours, tradeoff
from pages.components.compare import probabilities, summary
from pages.components.shell import assets
from pages.components.text.escaping import escape_formulas, escape_html
from pages.components.text.html_fragments import colour_legend

HIDDEN = ("name", "seed")  # settings that a side does not share
CSV_COLUMNS = ["run", "name", "mode", "seed", "split", "step", "epoch", "seconds", "examples"]
CSV_COLUMNS += ["loss", "accuracy", "macro_f1", "lr"]
TEMPLATE = Path(__file__).with_name("report_template.html")
THEME = ("text", "background", "border", "primary")
"""Colours of Streamlit's theme that the scripts read, as CSS variables."""

NamedFigure = tuple[str, go.Figure]  # pictures of a figure are saved under its name


def html(results: Sequence[Result]) -> bytes:
    """Everything that the Compare page shows of finished runs, as one file."""
    sides = comparison.sides(results)
    answers, maps = _answers_and_maps(sides)
    sections = [  # what precedes the figures, the class of the section, the figures
        ("", "", [("trade-off", tradeoff(results))] if sides else []),
        ("", "small", _curves(results)),
        ("<h2>Diagnostics</h2>", "", _changes(sides)),
        (f"<h2>Watched sentences</h2>{_legend(sides)}", "small", _watched(results)),
        ("<h2>What each model answers</h2>", "small", answers),
        ("<h2>Whether probabilities are right</h2>", "small", probabilities.figures(sides)),
        ("<h2>What each model sees</h2>", "", maps),
    ]
    figures: list[NamedFigure] = []
    body = [
        origin(results),
        verdict_section(verdict.summary(results), verdict.findings(results)),
        _results_table(sides),
    ]
    for head, kind, section in sections:
        numbers = range(len(figures), len(figures) + len(section))
        places = "".join(f'<div data-figure="{number}"></div>' for number in numbers)
        body += [head, f'<section class="{kind}">{places}</section>'] if section else []
        figures += section
    body += [_classes_table(sides), "<h2>Settings</h2>", settings_table(sides)]
    return page(results, body, figures)


def page(results: Sequence[Result], body: Sequence[str], figures: Sequence[NamedFigure]) -> bytes:
    """A page that needs no other file; each figure stands in `body` where its `data-figure` is."""
    parts = {name: _css_variables(theme) for name, theme in colours.theme().items()}
    parts |= {"title": escape_html(title(results)), "body": "\n".join(body)}
    parts |= {"content": _content(figures), "plotly": _script(assets.PLOTLY)}
    return Template(TEMPLATE.read_text("utf-8")).substitute(parts).encode()


def csv(results: Sequence[Result]) -> bytes:
    """A row for each point of each curve; seconds are of training, as in the charts."""
    tables = [pd.DataFrame()]
    for result in results:
        run, history = result.run, result.on_fair_clock().history
        about = {"run": run.run_id, "name": run.name, "mode": run.config.mode}
        tables.append(history.assign(**about, seed=run.config.seed))
    table = pd.concat(tables, ignore_index=True)
    return escape_formulas(table.reindex(columns=CSV_COLUMNS)).to_csv(index=False).encode()


def title(results: Sequence[Result]) -> str:
    names = {result.run.experiment_name for result in results} - {""}
    return names.pop() if len(names) == 1 else f"{len(results)} runs compared"


def origin(results: Sequence[Result]) -> str:
    """When, by which version and on which device."""
    facts = next((result.run.facts for result in results if result.run.facts.get("device")), {})
    parts = [f"{datetime.now():%d %B %Y}", f"Unfreeze {__version__}"]
    parts.append(" ".join(str(facts[name]) for name in ("device", "precision") if name in facts))
    return f'<p class="quiet">{escape_html(" · ".join(filter(None, parts)))}</p>'


def verdict_section(sentence: str, further: Sequence[str]) -> str:
    items = "".join(f"<li>{escape_html(line)}</li>" for line in further)
    return f'<p class="verdict">{escape_html(sentence)}</p><ul>{items}</ul>'


def _curves(results: Sequence[Result]) -> list[NamedFigure]:
    drawn = any(len(result.history) for result in results)
    metrics = metrics_of(result.run for result in results) if drawn else {}
    return [(metric, curve_figures.curves(results, metric, "seconds")) for metric in metrics]


def _changes(sides: Sequence[Side]) -> list[NamedFigure]:
    moved = diagnostics_figures.weight_changes(sides)
    forgot = diagnostics_figures.forgetting(sides)
    figures = {"what-moved": moved, "what-it-forgot": forgot}
    return [(name, fig) for name, fig in figures.items() if fig is not None]


def _watched(results: Sequence[Result]) -> list[NamedFigure]:
    watching = curve_figures.runs_that_watched(results)
    if not watching:
        return []
    label = len(watching[0].run.facts["labels"]) - 1
    draw = partial(curve_figures.watched_sentence, watching, label=label, axis="seconds")
    numbers = range(len(watching[0].run.config.watched))
    return [(f"watched-{number + 1}", draw(number)) for number in numbers]


def _answers_and_maps(sides: Sequence[Side]) -> tuple[list[NamedFigure], list[NamedFigure]]:
    """A confusion matrix and a text map of the first seed of each side; maps need the texts on this disk."""
    answers, maps = [], []
    for side in sides:
        run, look = side.results[0].run, side.results[0].diagnostics
        if look is not None and len(look.probabilities):
            fig = answers_figure.answers(look, side.label, model_colour(side.mode))
            answers.append((f"answers-{side.mode}", fig))
        if look is not None and len(look.map_rows):
            with suppress(UnfreezeError):
                texts = dataset_texts.load(run.facts["dataset_fingerprint"])
                fig = diagnostics_figures.text_map(look, texts, side.label)
                maps.append((f"map-{side.mode}", fig))
    return answers, maps


def _legend(sides: Sequence[Side]) -> str:
    networks = [side for side in sides if not side.is_reference]
    names = [side.label for side in networks]
    return colour_legend(dict(zip(names, side_colours(networks), strict=True)))


def _results_table(sides: Sequence[Side]) -> str:
    """A row for each side."""
    if not sides:
        return ""
    rows = summary.results_table(sides)
    lines = []
    for row, colour in zip(rows, side_colours(sides), strict=True):
        mode, score, *others = map(escape_html, row.values())
        mode = f'<span class="dot" style="background:{colour}"></span>{mode}'
        score = "<b>" + score.replace("%", "%</b>")
        lines.append(f"<tr><td>{'</td><td>'.join([mode, score, *others])}</td></tr>")
    caption = f'<p class="quiet">{summary.table_caption(sides)}</p>'
    return table(list(rows[0]), lines, "results") + caption


def _classes_table(sides: Sequence[Side]) -> str:
    """A row for each class, the hardest first: its test texts, and each side's figures."""
    known = {side.label: rows for side in sides if (rows := side.by_class)}
    classes = list(zip(*known.values(), strict=False))
    if not classes:
        return ""

    def ease(rows: Sequence[dict[str, Any]]) -> tuple[bool, float]:
        return not rows[0]["support"], sum(row["f1"] for row in rows)

    lines = []
    for rows in sorted(classes, key=ease):
        figures = [
            f"<b>{row['f1']:.1%}</b> ({row['precision']:.1%}, {row['recall']:.1%})" for row in rows
        ]
        cells = "</td><td>".join([f"{rows[0]['support']:,}", *figures])
        label = escape_html(rows[0]["label"])
        lines.append(f'<tr><th scope="row">{label}</th><td>{cells}</td></tr>')
    caption = '<p class="quiet">F1 on the test texts of each class (precision, recall).</p>'
    return "<h2>Each class</h2>" + table(("Class", "Texts", *known), lines, "results") + caption


def settings_table(sides: Sequence[Side]) -> str:
    """A column for each side; settings that differ are bold."""
    columns = [shown_values(side.results[0].run.config, without=HIDDEN) for side in sides]
    rows = []
    for label in dict.fromkeys(chain(*columns)):
        known = {column[label] for column in columns if label in column}
        differs = ' class="differs"' if len(known) > 1 else ""
        values = [escape_html(column.get(label, formatting.MISSING)) for column in columns]
        cells = "".join(f"<td>{value}</td>" for value in values)
        rows.append(f'<tr{differs}><th scope="row">{escape_html(label)}</th>{cells}</tr>')
    return table(("Setting", *(side.label for side in sides)), rows)


def table(heads: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{escape_html(text)}</th>' for text in heads)
    return (
        f'<div class="table {kind}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _css_variables(theme: dict[str, str]) -> str:
    return " ".join(f"--st-{name}-color: {theme[name]};" for name in THEME)


def _content(figures: Sequence[NamedFigure]) -> str:
    """All figures and the scripts that draw them, as JSON."""
    content = {"base": _script(assets.PLOTLY_BASE), "figure": _script(assets.FIGURE)} | {
        "figures": [{"figure": fig.to_json(), "name": f"unfreeze-{name}"} for name, fig in figures]
    }
    return json.dumps(content).replace("<", "\\u003c")  # no text in it ends the element


def _script(name: str) -> str:
    return assets.FILES[name].read_text("utf-8")
