"""Several runs on one pair of charts: a name and a colour of its own for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ftcore.config import REFERENCES
from ftcore.experiments import comparison
from ftcore.tracking import Run, history
from pages.components.charts.live_chart import AXES, METRICS, Trace
from pages.components.charts.palette import model_colour

if TYPE_CHECKING:
    from ftcore.experiments.plan import Result

_TOWARDS = (("", 0.0), ("#000000", 0.4), ("#FFFFFF", 0.45), ("#000000", 0.65), ("#FFFFFF", 0.7))


@dataclass(frozen=True)
class Lane:
    """A curve before it has its colour."""

    run: Run
    history: pd.DataFrame
    label: str


def labels(runs: list[Run]) -> list[str]:
    """Their names, with the start of the id where a name is taken twice."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else f"{run.name} ({run.run_id[:4]})" for run in runs]


def traces(runs: list[Run]) -> list[Trace]:
    """A curve a run, in the colour of its mode; of one mode, the second and later ones in its shades."""
    return _drawn(
        [Lane(run, curves(run), name) for run, name in zip(runs, labels(runs), strict=True)]
    )


def race(results: "list[Result]") -> list[Trace]:
    """A curve a side: over its seeds the mean, with a band from the lowest to the highest of them.

    A seed that still runs has a curve of its own, so that the mean does not break off where it is.
    """
    fair = [comparison.on_a_fair_clock(result) for result in results if len(result.history)]
    found = []
    for name, group in comparison.grouped(fair):
        over = [one for one in group if not one.run.live]
        for lane in [over] * bool(over) + [[one] for one in group if one.run.live]:
            alone = f"{name}, seed {lane[0].run.config.seed}"
            title = alone if len(lane) == 1 and len(group) > 1 else name
            found.append(Lane(lane[0].run, mean([one.history for one in lane]), title))
    return _drawn(found)


def mean(histories: list[pd.DataFrame]) -> pd.DataFrame:
    """Of several seeds by split and step, with the lowest and the highest loss and accuracy."""
    if len(histories) == 1:
        return histories[0]
    grouped = pd.concat(histories).groupby(["split", "step"], sort=False)
    found = grouped.mean()
    for metric in METRICS:
        found[f"{metric}_low"] = grouped[metric].min()
        found[f"{metric}_high"] = grouped[metric].max()
    return found.sort_index().reset_index()


def minds(results: "Sequence[Result]", sentence: int, label: int) -> list[Lane]:
    """A lane a side: how probable a class was for one watched sentence, by step.

    `probability` is the mean over its seeds; `low` and `high` are the lowest and the highest of them.
    """
    found = []
    for name, group in comparison.grouped([comparison.on_a_fair_clock(one) for one in results]):
        rows = pd.concat([one.watched for one in group])
        by_step = rows[(rows["sentence"] == sentence) & (rows["label"] == label)].groupby("step")
        if len(by_step):
            table = by_step[[*(axis for axis in AXES if axis != "step"), "probability"]].mean()
            table["low"] = by_step["probability"].min()
            table["high"] = by_step["probability"].max()
            found.append(Lane(group[0].run, table.reset_index(), name))
    return found


def is_line(run: Run) -> bool:
    """Whether a run is a reference: one figure, and no curve."""
    return run.config.mode in REFERENCES


def line(history: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """A reference's figures from where it has them to the ends of the other runs' axes."""
    history = history.assign(t=history["seconds"])
    far = history.assign(**{axis: history[axis].clip(lower=end) for axis, end in ends.items()})
    return pd.concat([history[history["split"] == "val"], far], ignore_index=True)


def _drawn(lanes: list[Lane]) -> list[Trace]:
    """With a colour each, and references as long as the others."""
    trained = [lane.history for lane in lanes if not is_line(lane.run)]
    ends = pd.concat(trained)[list(AXES)].max() if trained else None
    found = []
    shades = colours([lane.run.config.mode for lane in lanes])
    for lane, colour in zip(lanes, shades, strict=True):
        level = is_line(lane.run) and ends is not None
        history = line(lane.history, ends) if level else lane.history
        found.append(Trace(lane.run.run_id, lane.label, colour, history))
    return found


def colours(modes: Sequence[str]) -> list[str]:
    """Each mode's own; where one is there again, shades of it."""
    return [
        shade(model_colour(mode), modes[:number].count(mode)) for number, mode in enumerate(modes)
    ]


def shade(colour: str, number: int) -> str:
    """The colour itself, then darker and lighter ones of its hue."""
    towards, share = _TOWARDS[number % len(_TOWARDS)]
    if not towards:
        return colour
    mixed = (
        round(int(colour[i : i + 2], 16) * (1 - share) + int(towards[i : i + 2], 16) * share)
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{value:02X}" for value in mixed)


def curves(run: Run) -> pd.DataFrame:
    """Its history, read anew only while it may grow; what was interrupted may yet go on."""
    return _kept_curves(run.run_id) if run.status == "finished" else history(run.run_id)


@st.cache_data(max_entries=50, show_spinner=False)
def _kept_curves(run_id: str) -> pd.DataFrame:
    return history(run_id)
