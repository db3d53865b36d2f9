"""Curves of several runs for one pair of charts, each with a name and a colour of its own."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ftcore.colours import model_colour
from ftcore.experiments import grouping
from ftcore.modes import REFERENCES
from ftcore.tracking import Run, history
from pages.components.charts.live_chart import AXES, METRICS, Trace

if TYPE_CHECKING:
    from ftcore.experiments.result import Result

# Mixed into a mode's colour for its second, third, … curve: black or white and its share.
_SHADES = ((0, 0.0), (0, 0.4), (255, 0.45), (0, 0.65), (255, 0.7))


@dataclass(frozen=True)
class Curve:
    """A named curve without a colour. `run` gives the mode; `history` may be a mean over seeds."""

    run: Run
    history: pd.DataFrame
    label: str


def labels(runs: Sequence[Run]) -> list[str]:
    """Names of the runs; where two have the same name, the start of the id is added."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else f"{run.name} ({run.run_id[:4]})" for run in runs]


def labels_by_id(results: "Sequence[Result]") -> dict[str, str]:
    """Labels of the results' runs by run id: the side, with the seed where a side has several."""
    return {
        result.run.run_id: f"{name}, seed {result.run.config.seed}" if len(group) > 1 else name
        for name, group in grouping.group_by_settings(results)
        for result in group
    }


def by_run(runs: Sequence[Run]) -> list[Trace]:
    """One trace per run."""
    named = zip(runs, labels(runs), strict=True)
    return _coloured([Curve(run, history_of(run), name) for run, name in named])


def by_side(results: "Sequence[Result]") -> list[Trace]:
    """One trace per side: the mean over its seeds, with a band from the lowest to the highest.

    A seed that is still running gets a trace of its own, so that the mean is not cut short.
    """
    started = [result.on_fair_clock() for result in results if len(result.history)]
    curves = []
    for name, group in grouping.group_by_settings(started):
        ended = [result for result in group if not result.run.live]
        parts = [[result] for result in group if result.run.live]
        for part in [ended, *parts] if ended else parts:
            run = part[0].run
            one_of_several = len(part) == 1 and len(group) > 1
            label = f"{name}, seed {run.config.seed}" if one_of_several else name
            curves.append(Curve(run, mean([result.history for result in part]), label))
    return _coloured(curves)


def mean(histories: list[pd.DataFrame]) -> pd.DataFrame:
    """Mean of several histories by split and step, with columns `*_low` and `*_high` per metric."""
    if len(histories) == 1:
        return histories[0]
    grouped = pd.concat(histories).groupby(["split", "step"], sort=False)
    means = grouped.mean()
    for metric in METRICS.keys() & means.columns:
        means[f"{metric}_low"] = grouped[metric].min()
        means[f"{metric}_high"] = grouped[metric].max()
    return means.sort_index().reset_index()


def watched(results: "Sequence[Result]", sentence: int, label: int) -> list[Curve]:
    """One curve per side: the probability of a class for one watched sentence, by step.

    `probability` is the mean over the side's seeds, `low` and `high` are the extremes. `threshold`, where a
    text may have several labels, is that of the models that were kept, the mean over the seeds; else NaN.
    """
    curves = []
    fair = [result.on_fair_clock() for result in results]
    for name, group in grouping.group_by_settings(fair):
        rows = pd.concat([result.watched for result in group])
        by_step = rows[(rows["sentence"] == sentence) & (rows["label"] == label)].groupby("step")
        if len(by_step):
            table = by_step[[*(axis for axis in AXES if axis != "step"), "probability"]].mean()
            table["low"] = by_step["probability"].min()
            table["high"] = by_step["probability"].max()
            table["threshold"] = _threshold(group, label)
            curves.append(Curve(group[0].run, table.reset_index(), name))
    return curves


def _threshold(results: "Sequence[Result]", label: int) -> float:
    looks = [result.diagnostics for result in results if result.diagnostics]
    known = [look.thresholds[label] for look in looks if look.thresholds]
    return sum(known) / len(known) if known else math.nan


def is_reference(run: Run) -> bool:
    """Whether the run is a reference: one figure, drawn as a level line."""
    return run.config.mode in REFERENCES


def extended_reference(history: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """A reference's history with a second point at `ends`, the last value of each axis."""
    history = history.assign(t=history["seconds"])
    last = history.assign(**{axis: history[axis].clip(lower=end) for axis, end in ends.items()})
    return pd.concat([history[history["split"] == "val"], last], ignore_index=True)


def _coloured(curves: list[Curve]) -> list[Trace]:
    """The curves with their colours; references as long as the other curves."""
    trained = [curve.history for curve in curves if not is_reference(curve.run)]
    ends = pd.concat(trained)[list(AXES)].max() if trained else pd.Series()
    traces = []
    shades = colours([curve.run.config.mode for curve in curves])
    for curve, colour in zip(curves, shades, strict=True):
        is_level = trained and is_reference(curve.run)
        history = extended_reference(curve.history, ends) if is_level else curve.history
        traces.append(Trace(curve.run.run_id, curve.label, colour, history))
    return traces


def colours(modes: Sequence[str]) -> list[str]:
    """The colour of each mode; repeated modes get shades of it."""
    earlier = (modes[:number].count(mode) for number, mode in enumerate(modes))
    return [shade(model_colour(mode), count) for mode, count in zip(modes, earlier, strict=True)]


def shade(colour: str, number: int) -> str:
    """The `number`-th shade of a colour; the first is the colour itself."""
    grey, share = _SHADES[number % len(_SHADES)]
    channels = bytes.fromhex(colour[1:])
    return "#" + "".join(f"{round(old * (1 - share) + grey * share):02X}" for old in channels)


def history_of(run: Run) -> pd.DataFrame:
    """The run's history; cached once finished, as any other run may still grow."""
    return _finished_history(run.run_id) if run.status == "finished" else history(run.run_id)


@st.cache_data(max_entries=50, show_spinner=False)
def _finished_history(run_id: str) -> pd.DataFrame:
    return history(run_id)
