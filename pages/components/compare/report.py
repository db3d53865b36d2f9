"""A comparison to take away: one HTML file that needs nothing else, and the curves as CSV."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from ftcore import __version__, config, formatting
from ftcore.diagnostics import insights
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from pages.components.charts import comparison_figures, diagnostics_figures
from pages.components.charts.live_chart import METRICS
from pages.components.charts.palette import model_colour
from pages.components.shell import assets
from pages.components.text.escaping import escape_formulas, escape_html
from pages.components.text.html_fragments import colour_legend

WATCHED = "Watched sentences"
CSV_COLUMNS = (
    "run",
    "name",
    "mode",
    "seed",
    "split",
    "step",
    "epoch",
    "seconds",
    "examples",
    "loss",
    "accuracy",
    "lr",
)
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
 script-src 'unsafe-inline' 'unsafe-eval' blob:; img-src data: blob:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --st-font: system-ui, sans-serif; --st-base-radius: .5rem;
  --st-text-color: #11141a; --st-background-color: #ffffff; --st-border-color: #d9dde4;
  --st-primary-color: #6d28d9; }}
@media (prefers-color-scheme: dark) {{ :root {{ --st-text-color: #e7eaf0;
  --st-background-color: #12151b; --st-border-color: #343b48; --st-primary-color: #8b5cf6; }} }}
body {{ margin: 0; padding: 2rem 1rem 4rem; background: var(--st-background-color);
  color: var(--st-text-color); font: 16px/1.5 var(--st-font); }}
main {{ max-width: 70rem; margin: auto; }}
h1 {{ font-size: 1.1rem; margin: 0; }}
h2 {{ font-size: 1.4rem; margin: 3rem 0 1rem; }}
.verdict {{ font-size: 1.6rem; line-height: 1.35; font-weight: 600; margin: 1.5rem 0 1rem; }}
.quiet {{ font-size: .9rem; opacity: .75; margin: 0; }}
section {{ display: grid; gap: 2.5rem 2rem; margin-top: 2rem; align-items: start; }}
section:empty {{ display: none; }}
.small {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }}
section > * {{ min-width: 0; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 2rem; }}
th, td {{ text-align: left; padding: .4rem 1.5rem .4rem 0; vertical-align: top;
  border-bottom: 1px solid var(--st-border-color); min-width: 5rem; }}
.results td, .results th, tbody th {{ white-space: nowrap; }}
thead th {{ font-size: .85rem; font-weight: 600; }}
tr.differs th, tr.differs td {{ font-weight: 600; }}
tbody th {{ font-weight: 400; }}
.dot {{ display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin-right: .5rem; }}
</style></head><body><main>
"""
# The page's own scripts, as they draw in the dashboard; a module in a file is fetched from a blob.
DRAW = """
const {figures, chart, figure} = JSON.parse(document.getElementById("content").textContent);
const module = (source) => import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
const [lines, stills] = await Promise.all([module(chart), module(figure)]);
for (const place of document.querySelectorAll("[data-figure]")) {
  const view = stills.build(place);
  const draw = () => stills.show(view, figures[place.dataset.figure], lines, "");
  await draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
"""


@dataclass(frozen=True)
class Picture:
    """A figure with the name that its pictures are saved under."""

    name: str
    fig: go.Figure


def html(results: Sequence[Result]) -> bytes:
    """All there is to see of a comparison, as one file that asks nothing of any other place."""
    sides = comparison.sides(results)
    title = escape_html(_title(results))
    sections = [  # heading, whether its pictures are small, pictures
        ("", False, list(_result(results))),
        ("", True, list(_curves(results))),
        ("What happened inside", False, list(_inside(sides))),
        (WATCHED, True, list(_watched(results))),
        ("What each model answers", True, list(_answers(sides))),
        ("What each model sees", False, list(_maps(sides))),
    ]
    drawn: list[Picture] = []
    parts = [HEAD.format(title=title), f"<h1>{title}</h1>", _made(results), _verdict(results)]
    parts.append(_table(sides))
    for heading, small, pictures in sections:
        parts.append(f"<h2>{heading}</h2>" if heading and pictures else "")
        if heading == WATCHED and pictures:  # one legend for all of them
            networks = [side for side in sides if not side.is_reference]
            colours = comparison_figures.colours(networks)
            legend = dict(zip((side.label for side in networks), colours, strict=True))
            parts.append(colour_legend(legend))
        parts.append(f'<section class="{"small" if small else ""}">')
        parts += [f'<div data-figure="{len(drawn) + n}"></div>' for n in range(len(pictures))]
        parts.append("</section>")
        drawn += pictures
    parts += ["<h2>Settings</h2>", _settings(sides), "</main>", _scripts(drawn), "</body></html>"]
    return "\n".join(parts).encode()


def csv(results: Sequence[Result]) -> bytes:
    """A row a point of each curve; seconds are of training, as the charts count them."""
    parts = []
    for result in [result.on_fair_clock() for result in results]:
        run = result.run
        about = {
            "run": run.run_id,
            "name": run.name,
            "mode": run.config.mode,
            "seed": run.config.seed,
        }
        parts.append(result.history.assign(**about))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return escape_formulas(table.reindex(columns=list(CSV_COLUMNS))).to_csv(index=False).encode()


def _title(results: Sequence[Result]) -> str:
    named = {one.run.experiment_name for one in results} - {""}
    return named.pop() if len(named) == 1 else f"{len(results)} runs compared"


def _made(results: Sequence[Result]) -> str:
    facts = [one.run.facts for one in results if one.run.facts.get("device")]
    where = (
        " ".join(str(facts[0].get(name, "")) for name in ("device", "precision")) if facts else ""
    )
    said = [f"{datetime.now():%d %B %Y}", f"Unfreeze {__version__}", where]
    return f'<p class="quiet">{escape_html(" · ".join(one for one in said if one))}</p>'


def _verdict(results: Sequence[Result]) -> str:
    items = "".join(f"<li>{escape_html(one)}</li>" for one in verdict.findings(results))
    return f'<p class="verdict">{escape_html(verdict.summary(results))}</p><ul>{items}</ul>'


def _result(results: Sequence[Result]) -> Iterator[Picture]:
    if comparison.sides(results):
        yield Picture("trade-off", comparison_figures.tradeoff(results))


def _curves(results: Sequence[Result]) -> Iterator[Picture]:
    if any(len(one.history) for one in results):
        for metric in METRICS:
            yield Picture(metric, comparison_figures.curves(results, metric, "seconds"))


def _inside(sides: Sequence[Side]) -> Iterator[Picture]:
    if moved := [side for side in sides if diagnostics_figures.moves(side)]:
        yield Picture("what-moved", diagnostics_figures.moved(moved))
    if forgot := [side for side in sides if diagnostics_figures.forgotten(side)]:
        yield Picture("what-it-forgot", diagnostics_figures.forgot(forgot))


def _watched(results: Sequence[Result]) -> Iterator[Picture]:
    found = comparison_figures.watching(results)
    if found:
        label = len(comparison_figures.classes(found[0])) - 1
        for number in range(len(found[0].run.config.watched)):
            fig = comparison_figures.watched(found, number, label, "seconds")
            yield Picture(f"watched-{number + 1}", fig)


def _answers(sides: Sequence[Side]) -> Iterator[Picture]:
    """Of the first seed of each."""
    for side in sides:
        look = side.results[0].insights
        if look is not None and len(look.probabilities):
            title = f"{escape_html(side.label)} against the truth"
            fig = diagnostics_figures.confusion(look, title, model_colour(side.mode))
            yield Picture(f"answers-{side.mode}", fig)


def _maps(sides: Sequence[Side]) -> Iterator[Picture]:
    """Of the first seed of each, where the texts are still there to be read."""
    for side in sides:
        run, look = side.results[0].run, side.results[0].insights
        if look is None or not len(look.rows):
            continue
        try:
            texts = insights.texts(run.facts["dataset_fingerprint"])
        except UnfreezeError:
            return
        shown = [texts[int(row)] for row in look.rows]
        title = f"What {escape_html(side.label)} sees"
        yield Picture(f"map-{side.mode}", diagnostics_figures.vectors(look, shown, title))


def _table(sides: Sequence[Side]) -> str:
    """A row a side."""
    heads = ("Mode", "Test accuracy", "95% interval", "Seeds", "Training", "Trained parameters")
    rows = []
    for side, colour in zip(sides, comparison_figures.colours(sides), strict=True):
        low, high = side.interval
        cells = (
            f'<span class="dot" style="background:{colour}"></span>{escape_html(side.label)}',
            f"<b>{side.test_accuracy:.1%}</b>",
            f"{low:.1%} to {high:.1%}",
            str(len(side.results)),
            formatting.duration(side.train_seconds),
            formatting.MISSING
            if side.is_reference
            else f"{side.trainable_parameters:,} of {side.parameters:,}",
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return _as_table(heads, rows, "results") if rows else ""


def _settings(sides: Sequence[Side]) -> str:
    """A column a side; what differs is bold."""
    rows = []
    meant = [{one.name: config.label(one) for one in config.meant(_config(side))} for side in sides]
    for name, label in {name: label for names in meant for name, label in names.items()}.items():
        values = [
            str(getattr(_config(side), name)) if name in names else None
            for side, names in zip(sides, meant, strict=True)
        ]
        told = {value for value in values if value is not None}
        if name in ("name", "seed") or told == {""}:
            continue
        differs = ' class="differs"' if len(told) > 1 else ""
        cells = "".join(
            f"<td>{formatting.MISSING if value is None else escape_html(value)}</td>"
            for value in values
        )
        rows.append(f'<tr{differs}><th scope="row">{escape_html(label)}</th>{cells}</tr>')
    return _as_table(("Setting", *(side.label for side in sides)), rows)


def _config(side: Side) -> config.FineTuneConfig:
    return side.results[0].run.config


def _as_table(heads: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    top = "".join(f'<th scope="col">{escape_html(head)}</th>' for head in heads)
    body = "".join(rows)
    return (
        f'<div class="table {kind}"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _scripts(drawn: Sequence[Picture]) -> str:
    """plotly.js once, all figures, and what draws them."""
    content = {
        "figures": [
            {"figure": one.fig.to_json(), "name": f"unfreeze-{one.name}", "clicks": False}
            for one in drawn
        ],
        "chart": assets.FILES[assets.LIVE_CHART].read_text("utf-8"),
        "figure": assets.FILES[assets.FIGURE].read_text("utf-8"),
    }
    data = json.dumps(content).replace("<", "\\u003c")  # no text in it ends the element
    plotly = assets.FILES[assets.PLOTLY].read_text("utf-8")
    return (
        f'<script type="application/json" id="content">{data}</script>\n'
        f'<script>{plotly}</script>\n<script type="module">{DRAW}</script>'
    )
