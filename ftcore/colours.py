"""Colours, with one meaning each on every page, chart and exported page.

Modes are told apart by hue and lightness, also with red-green colour blindness (a test holds that). Within
one, training loss is thin and dotted and validation solid. Classes have hues of their own. Charts darken or
lighten a line that the theme's background would leave too faint.
"""

import colorsys
import re
import tomllib
from collections.abc import Sequence
from itertools import chain, count

from ftcore import paths
from ftcore.modes import last_groups

MODELS: dict[str, str] = {
    "full": "#2563EB",
    "last-layer": "#E0A10B",
    "last-2": "#8C545A",
    "gradual": "#A884D8",
    "lora": "#D60785",
    "lp-ft": "#18748B",
    "scratch": "#3F7A04",
    "custom": "#45C28A",
    "untouched": "#64748B",
    "tfidf": "#44403C",
    "linear-probe": "#78716C",
    "majority": "#A8A29E",
}
"""By a run's mode; `untouched` is a checkpoint as it came, `last-2` stands for every `last-K`."""

CLASSES: dict[str, str] = {"negative": "#BE185D", "positive": "#0D9488"}
"""By label; other labels take OTHER_CLASSES in order, and then further hues."""

OTHER_CLASSES = ("#7C3AED", "#0891B2", "#CA8A04", "#DC2626", "#4D7C0F", "#9333EA", "#475569")


def model_colour(mode: str) -> str:
    """The colour of a run by its mode."""
    return MODELS.get("last-2" if last_groups(mode) else mode, MODELS["untouched"])


def class_colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same one wherever the same labels appear."""
    spare = chain(OTHER_CLASSES, map(_further_colour, count()))
    return {label: CLASSES.get(label) or next(spare) for label in labels}


def theme() -> dict[str, dict[str, str]]:
    """The dashboard's colours, for `light` and for `dark`, by their use: `text`, `background`, …"""
    values = tomllib.loads((paths.ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
    return {
        name: {
            re.sub(
                "[A-Z]", lambda capital: f"-{capital[0].lower()}", use.removesuffix("Color")
            ): colour
            for use, colour in values[name].items()
        }
        for name in ("light", "dark")
    }


def _further_colour(number: int) -> str:
    """Colours without end, each far in hue from those before it."""
    hue, lightness = number * 0.618034 % 1, (0.42, 0.3, 0.55)[number % 3]
    channels = colorsys.hls_to_rgb(hue, lightness, 0.6)
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in channels)
