"""A comparison to take away: an HTML file that needs no other file or server, and the curves as CSV."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from string import Template

import pandas as pd
import plotly.graph_objects as go

from ftcore import __version__, config, formatting
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from pages.components.charts import curve_figures, diagnostics_figures, matrix_figures
from pages.components.charts.live_chart import METRICS
from pages.components.charts.palette import model_colour
from pages.components.charts.tradeoff_figure import side_colours, tradeoff
from pages.components.shell import assets
from pages.components.text.escaping import escape_formulas, escape_html
from pages.components.text.html_fragments import colour_legend

HIDDEN = ("name", "seed")  # settings that a side does not share
CSV_COLUMNS = ["run", "name", "mode", "seed", "split", "step", "epoch", "seconds", "examples"]
CSV_COLUMNS += ["loss", "accuracy", "lr"]
TEMPLATE = Path(__file__).with_name("report_template.html")
STREAMLIT_CONFIG = Path(__file__).parents[3] / ".streamlit" / "config.toml"
THEME = {
    "--st-text-color": "textColor",
    "--st-background-color": "backgroundColor",
    "--st-border-color": "borderColor",
    "--st-primary-color": "primaryColor",
}
"""CSS variables that the scripts read, and the options of Streamlit's theme that set them."""

NamedFigure = tuple[str, go.Figure]  # pictures of a figure are saved under its name


def html(results: Sequence[Result]) -> bytes:
    """Everything that the Compare page shows of finished runs, as one file."""
    sides = comparison.sides(results)
    sections = [  # what precedes the figures, the class of the section, the figures
        ("", "", list(_result(results))),
        ("", "small", list(_curves(results))),
        ("<h2>Diagnostics</h2>", "", list(_changes(sides))),
        (f"<h2>Watched sentences</h2>{_legend(sides)}", "small", list(_watched(results))),
        ("<h2>What each model answers</h2>", "small", list(_answers(sides))),
        ("<h2>What each model sees</h2>", "", list(_maps(sides))),
    ]
    figures: list[NamedFigure] = []
    body = [_origin(results), _verdict(results), _results_table(sides)]
    for head, kind, section in sections:
        numbers = range(len(figures), len(figures) + len(section))
        places = "".join(f'<div data-figure="{number}"></div>' for number in numbers)
        body += [head, f'<section class="{kind}">{places}</section>'] if section else []
        figures += section
    body += ["<h2>Settings</h2>", _settings_table(sides)]
    theme = tomllib.loads(STREAMLIT_CONFIG.read_text("utf-8"))["theme"]
    template = Template(TEMPLATE.read_text("utf-8"))
    return template.substitute(
        title=escape_html(_title(results)),
        light=_css_variables(theme["light"]),
        dark=_css_variables(theme["dark"]),
        body="\n".join(body),
        content=_content(figures),
        plotly=_script(assets.PLOTLY),
    ).encode()


def csv(results: Sequence[Result]) -> bytes:
    """A row for each point of each curve; seconds are of training, as in the charts."""
    tables = []
    for result in results:
        run = result.run
        about = {"run": run.run_id, "name": run.name, "mode": run.config.mode}
        history = result.on_fair_clock().history
        tables.append(history.assign(**about, seed=run.config.seed))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return escape_formulas(table.reindex(columns=CSV_COLUMNS)).to_csv(index=False).encode()


def _title(results: Sequence[Result]) -> str:
    names = {result.run.experiment_name for result in results} - {""}
    return names.pop() if len(names) == 1 else f"{len(results)} runs compared"


def _origin(results: Sequence[Result]) -> str:
    """When, by which version and on which device."""
    facts = next((result.run.facts for result in results if result.run.facts.get("device")), {})
    parts = [f"{datetime.now():%d %B %Y}", f"Unfreeze {__version__}"]
    parts.append(" ".join(str(facts[name]) for name in ("device", "precision") if name in facts))
    return f'<p class="quiet">{escape_html(" · ".join(filter(None, parts)))}</p>'


def _verdict(results: Sequence[Result]) -> str:
    items = "".join(f"<li>{escape_html(line)}</li>" for line in verdict.findings(results))
    return f'<p class="verdict">{escape_html(verdict.summary(results))}</p><ul>{items}</ul>'


def _result(results: Sequence[Result]) -> Iterator[NamedFigure]:
    if comparison.sides(results):
        yield "trade-off", tradeoff(results)


def _curves(results: Sequence[Result]) -> Iterator[NamedFigure]:
    if any(len(result.history) for result in results):
        for metric in METRICS:
            yield metric, curve_figures.curves(results, metric, "seconds")


def _changes(sides: Sequence[Side]) -> Iterator[NamedFigure]:
    if moved := [side for side in sides if diagnostics_figures.mean_weight_changes(side)]:
        yield "what-moved", diagnostics_figures.weight_changes(moved)
    if measured := [side for side in sides if diagnostics_figures.mean_forgetting(side)]:
        yield "what-it-forgot", diagnostics_figures.forgetting(measured)


def _watched(results: Sequence[Result]) -> Iterator[NamedFigure]:
    if watching := curve_figures.runs_that_watched(results):
        label = len(watching[0].run.facts["labels"]) - 1
        for number in range(len(watching[0].run.config.watched)):
            fig = curve_figures.watched_sentence(watching, number, label, "seconds")
            yield f"watched-{number + 1}", fig


def _answers(sides: Sequence[Side]) -> Iterator[NamedFigure]:
    """A confusion matrix of the first seed of each side."""
    for side in sides:
        look = side.results[0].diagnostics
        if look is not None and len(look.probabilities):
            title = f"{escape_html(side.label)} against the truth"
            fig = matrix_figures.confusion(look, title, model_colour(side.mode))
            yield f"answers-{side.mode}", fig


def _maps(sides: Sequence[Side]) -> Iterator[NamedFigure]:
    """A map of the first seed of each side, if the texts are still on this disk."""
    for side in sides:
        run, look = side.results[0].run, side.results[0].diagnostics
        if look is None or not len(look.map_rows):
            continue
        try:
            texts = dataset_texts.load(run.facts["dataset_fingerprint"])
        except UnfreezeError:
            return
        shown = [texts[int(row)] for row in look.map_rows]
        title = f"What {escape_html(side.label)} sees"
        yield f"map-{side.mode}", diagnostics_figures.text_map(look, shown, title)


def _legend(sides: Sequence[Side]) -> str:
    networks = [side for side in sides if not side.is_reference]
    names = [side.label for side in networks]
    return colour_legend(dict(zip(names, side_colours(networks), strict=True)))


def _results_table(sides: Sequence[Side]) -> str:
    """A row for each side."""
    if not sides:
        return ""
    heads = ("Mode", "Test accuracy", "95% interval", "Seeds", "Training", "Trained parameters")
    rows = []
    for side, colour in zip(sides, side_colours(sides), strict=True):
        low, high = side.interval
        trained = f"{side.trainable_parameters:,} of {side.parameters:,}"
        cells = (
            f'<span class="dot" style="background:{colour}"></span>{escape_html(side.label)}',
            f"<b>{side.test_accuracy:.1%}</b>",
            f"{low:.1%} to {high:.1%}",
            str(len(side.results)),
            formatting.duration(side.train_seconds),
            formatting.MISSING if side.is_reference else trained,
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return _table(heads, rows, "results")


def _settings_table(sides: Sequence[Side]) -> str:
    """A column for each side; settings that differ are bold."""
    columns = []
    for side in sides:
        run_config = side.results[0].run.config
        settings = [
            field for field in config.relevant_settings(run_config) if field.name not in HIDDEN
        ]
        columns.append({config.label(field): getattr(run_config, field.name) for field in settings})
    rows = []
    for label in dict.fromkeys(chain(*columns)):
        values = [column.get(label) for column in columns]
        known = set(values) - {None}
        if known == {""}:
            continue
        differs = ' class="differs"' if len(known) > 1 else ""
        cells = [
            formatting.MISSING if value is None else escape_html(str(value)) for value in values
        ]
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr{differs}><th scope="row">{escape_html(label)}</th>{row}</tr>')
    return _table(("Setting", *(side.label for side in sides)), rows)


def _table(heads: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{escape_html(text)}</th>' for text in heads)
    return (
        f'<div class="table {kind}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _css_variables(theme: dict[str, str]) -> str:
    return " ".join(f"{variable}: {theme[option]};" for variable, option in THEME.items())


def _content(figures: Sequence[NamedFigure]) -> str:
    """All figures and the scripts that draw them, as JSON."""
    content = {
        "figures": [
            {"figure": fig.to_json(), "name": f"unfreeze-{name}", "clicks": False}
            for name, fig in figures
        ],
        "base": _script(assets.PLOTLY_BASE),
        "figure": _script(assets.FIGURE),
    }
    return json.dumps(content).replace("<", "\\u003c")  # no text in it ends the element


def _script(name: str) -> str:
    return assets.FILES[name].read_text("utf-8")
