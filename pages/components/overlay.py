"""Several runs on one pair of charts: a name and a colour of its own for each."""

from collections import Counter
from dataclasses import replace

import pandas as pd
import streamlit as st

from ftcore.config import REFERENCES
from ftcore.tracking import Run, history
from pages.components.live_chart import AXES, Trace
from pages.components.palette import model_colour

_TOWARDS = (("", 0.0), ("#000000", 0.4), ("#FFFFFF", 0.45), ("#000000", 0.65), ("#FFFFFF", 0.7))


def labels(runs: list[Run]) -> list[str]:
    """Their names, with the start of the id where a name is taken twice."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else f"{run.name} ({run.run_id[:4]})" for run in runs]


def traces(runs: list[Run]) -> list[Trace]:
    """Curves in the colour of each run's mode; of one mode, the second and later ones in its shades."""
    seen: Counter[str] = Counter()
    found = []
    for run, label in zip(runs, labels(runs), strict=True):
        colour = shade(model_colour(run.config.mode), seen[run.config.mode])
        seen[run.config.mode] += 1
        found.append(Trace(run.run_id, label, colour, curves(run)))
    trained = [one.history for one, run in zip(found, runs, strict=True) if not is_line(run)]
    ends = pd.concat(trained)[list(AXES)].max() if trained else None
    return [
        replace(one, history=line(one.history, ends)) if is_line(run) and ends is not None else one
        for one, run in zip(found, runs, strict=True)
    ]


def is_line(run: Run) -> bool:
    """Whether a run is a reference: one figure, and no curve."""
    return run.config.mode in REFERENCES


def line(history: pd.DataFrame, ends: pd.Series) -> pd.DataFrame:
    """A reference's figures from where it has them to the ends of the other runs' axes."""
    far = history.assign(**{axis: history[axis].clip(lower=end) for axis, end in ends.items()})
    return pd.concat([history[history["split"] == "val"], far], ignore_index=True)


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
    """Its history, read anew only while it may grow."""
    return history(run.run_id) if run.live else _kept_curves(run.run_id, run.status)


@st.cache_data(max_entries=50, show_spinner=False)
def _kept_curves(run_id: str, status: str) -> pd.DataFrame:
    return history(run_id)
