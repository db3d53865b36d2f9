"""Still charts of values that change while runs train: loss, accuracy, answers to watched sentences."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ftcore.experiments.result import Result
from pages.components.charts import run_curves
from pages.components.charts.figure_parts import GREY, add_band, empty_figure
from pages.components.charts.live_chart import AXES, Trace, metrics_of, points
from pages.components.charts.measures import several_labels
from pages.components.text.escaping import escape_html

TITLE_LENGTH = 110  # characters of a sentence above its chart


def curves(results: Sequence[Result], metric: str, axis: str) -> go.Figure:
    """A metric over `axis`, a line for each side, with a band over its seeds."""
    traces = run_curves.by_side(results)
    references = {result.run.run_id for result in results if run_curves.is_reference(result.run)}
    caption = "Solid: validation. Dotted: training. Diamond: test."
    if any(f"{metric}_low" in trace.history for trace in traces):
        caption += " The band reaches from the lowest seed to the highest."
    title = metrics_of(result.run for result in results)[metric]
    fig = empty_figure(title, caption, legend=True)
    for trace in traces:
        _add_run(fig, trace, metric, axis, trace.run_id in references)
    fig.update_xaxes(title_text=AXES[axis], rangemode="tozero")
    fig.update_yaxes(tickformat="" if metric == "loss" else ".1~%", nticks=6)
    return fig


def _add_run(fig: go.Figure, trace: Trace, metric: str, axis: str, is_reference: bool) -> None:
    name, colour = escape_html(trace.label), trace.colour
    value = "%{y:.3f}" if metric == "loss" else "%{y:.1%}"
    styles: dict[str, dict[str, Any]] = {
        "train": {"mode": "lines", "line": {"color": colour, "width": 1.25, "dash": "dot"}},
        "val": {"mode": "lines", "line": {"color": colour, "width": 2.5}},
    }
    if is_reference:
        styles["val"]["line"] |= {"width": 1.5, "dash": "dash"}
    else:
        marker = {"color": colour, "symbol": "diamond-open", "size": 12, "line": {"width": 2.5}}
        styles["test"] = {"mode": "markers", "marker": marker}
        if f"{metric}_low" in trace.history:
            low_high = f"{metric}_low", f"{metric}_high"
            x, _, low, high = points(trace.history, "val", axis, metric, *low_high)
            add_band(fig, x, low, high, colour)
    for split, style in styles.items():
        x, y = points(trace.history, split, axis, metric)
        hover = f"{name}{', test' if split == 'test' else ''}<br>{value}<extra></extra>"
        style |= {"legendgroup": trace.run_id, "showlegend": split == "val"}
        fig.add_scatter(x=x, y=y, name=name, cliponaxis=False, hovertemplate=hover, **style)


def watched_sentence(
    results: Sequence[Result], sentence: int, label: int, axis: str = "step"
) -> go.Figure:
    """The probability of a class for one watched sentence, a line for each side, with a band over seeds.

    Dashed: a half; where a text may have several labels, the threshold of each side.
    """
    fig = empty_figure(escape_html(shortened(results[0].run.config.watched[sentence])), height=230)
    lanes = run_curves.watched(results, sentence, label)
    has_band = len({result.run.config.seed for result in results}) > 1
    colours = run_curves.colours([lane.run.config.mode for lane in lanes])
    for lane, colour in zip(lanes, colours, strict=True):
        x, name = lane.history[axis].to_numpy(float), escape_html(lane.label)
        y, low, high = lane.history[["probability", "low", "high"]].to_numpy().T
        if has_band:
            add_band(fig, x, low, high, colour)
        line = {"color": colour, "width": 2.5}
        hover = f"{name}<br>%{{y:.0%}}<extra></extra>"
        style = {"mode": "lines", "line": line, "cliponaxis": False, "hovertemplate": hover}
        fig.add_scatter(x=x, y=y, name=name, **style)
    dashed = {"dash": "dash", "width": 1.5}
    if several_labels(results[0].run):
        for lane, colour in zip(lanes, colours, strict=True):
            threshold = lane.history["threshold"].iloc[0]
            if not math.isnan(threshold):  # it is known once the run has finished
                fig.add_hline(y=threshold, line=dashed | {"color": colour}, layer="below")
    else:
        fig.add_hline(y=0.5, line=dashed | {"color": GREY}, layer="below")
    fig.update_layout(meta={"legend": "picture"})  # a page has one legend for all its sentences
    fig.update_xaxes(title_text=AXES[axis], rangemode="tozero", nticks=6)
    fig.update_yaxes(title_text=escape_html(results[0].run.facts["labels"][label]))
    fig.update_yaxes(tickformat=".0%", range=[-0.02, 1.02], tickvals=[0, 0.5, 1], showgrid=False)
    return fig


def shortened(sentence: str) -> str:
    """The sentence in quotation marks, cut to fit above its chart."""
    return f"“{textwrap.shorten(sentence, TITLE_LENGTH, placeholder=' …')}”"


def runs_that_watched(results: Sequence[Result]) -> list[Result]:
    """Runs that watched the same sentences as the first run with any."""
    watching = [result for result in results if len(result.watched)]
    sentences = next((result.run.config.watched for result in watching), [])
    return [result for result in watching if result.run.config.watched == sentences]
