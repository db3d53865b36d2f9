"""Colours, with one meaning each on every page and chart.

Models are told apart by hue; within one, training loss is thin and dotted and validation solid. Classes have
hues of their own. Charts darken or lighten a line that the theme's background would leave too faint.
"""

import colorsys
from collections.abc import Sequence
from itertools import chain, count

from ftcore.modes import last_groups

MODELS: dict[str, str] = {
    "full": "#2563EB",
    "last-layer": "#F59E0B",
    "last-2": "#C2410C",
    "gradual": "#9333EA",
    "lora": "#DB2777",
    "lp-ft": "#15803D",
    "scratch": "#65A30D",
    "custom": "#0E7490",
    "untouched": "#64748B",
    "tfidf": "#44403C",
    "linear-probe": "#78716C",
    "majority": "#A8A29E",
}
"""By a run's mode; `untouched` is a checkpoint as it came, `last-2` stands for every `last-K`."""

_MODE_BADGES: dict[str, str] = {
    "full": "blue",
    "last-layer": "yellow",
    "last-2": "orange",
    "gradual": "violet",
    "lora": "red",
    "lp-ft": "green",
    "scratch": "green",
}
"""The nearest colours that `st.badge` has."""

CLASSES: dict[str, str] = {"negative": "#BE185D", "positive": "#0D9488"}
"""By label; other labels take OTHER_CLASSES in order, and then further hues."""

OTHER_CLASSES = ("#7C3AED", "#0891B2", "#CA8A04", "#DC2626", "#4D7C0F", "#9333EA", "#475569")

BADGES: dict[str, str] = {
    "queued": "gray",
    "running": "blue",
    "paused": "violet",
    "finished": "green",
    "stopped": "orange",
    "failed": "red",
    "interrupted": "red",
    "unreadable": "gray",
}
"""The colour of a run's status in `st.badge` and Markdown."""


def model_colour(mode: str) -> str:
    """The colour of a run by its mode."""
    return MODELS.get("last-2" if last_groups(mode) else mode, MODELS["untouched"])


def mode_badge(mode: str) -> str:
    """The colour of a mode's badge."""
    return _MODE_BADGES.get("last-2" if last_groups(mode) else mode, "gray")


def class_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same one wherever the same labels appear."""
    spare = chain(OTHER_CLASSES, map(_further_colour, count()))
    return {label: CLASSES.get(label) or next(spare) for label in labels}


def _further_colour(number: int) -> str:
    """Colours without end, each far in hue from those before it."""
    hue, lightness = number * 0.618034 % 1, (0.42, 0.3, 0.55)[number % 3]
    channels = colorsys.hls_to_rgb(hue, lightness, 0.6)
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in channels)
