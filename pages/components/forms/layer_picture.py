"""The model as a picture, block by block: what trains in a mode, what is frozen, how large each is."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models.spec import ModelSpec
from ftcore.training import strategies
from pages.components.charts.palette import model_colour
from pages.components.shell import assets
from pages.components.text import formatting

DARK, LIGHT = "#11141A", "#FFFFFF"

_mount = st.components.v2.component(
    "unfreeze_layers",
    js=f"""
const layers = import(location.origin + {assets.address(assets.LAYERS)!r});
export default async (component) => (await layers).draw(component);
""",
)


def layers(
    config: FineTuneConfig | None,
    shape: ModelSpec,
    key: str,
    epoch: int | None = None,
    on_choice: Callable[[list[str]], None] | None = None,
    row: bool = False,
) -> None:
    """Draw what trains, in an epoch (0 is the first) or, where none is given, in any; None: nothing does.

    With `on_choice`, a click on a block calls it with the groups that are to train then, head first.
    """
    sizes = shape.group_sizes()
    colour = model_colour(config.mode if config else "custom")
    data = {
        "blocks": blocks(config, shape, epoch),
        "colour": colour,
        "text": text_on(colour),
        "clicks": on_choice is not None,
        "row": row,
    }

    def chosen() -> None:
        told = set((st.session_state.get(key) or {}).get("chosen") or [])
        if on_choice is not None:
            on_choice([name for name in sizes if name in told])

    _mount(key=key, data=data, **({"on_chosen_change": chosen} if on_choice else {}))


def blocks(
    config: FineTuneConfig | None, shape: ModelSpec, epoch: int | None = None
) -> list[dict[str, Any]]:
    """Each layer group, head first: its size, and whether it trains, is frozen, or will train later."""
    now, ever = (_trained(config, shape, at) for at in (epoch, None))
    begins = _first_epochs(config, shape) if config and config.mode == "gradual" else {}
    found = []
    for name, count in shape.group_sizes().items():
        waits = name in ever and (name not in now or (epoch is None and begins.get(name, 0) > 0))
        state = "later" if waits else "trains" if name in now else "frozen"
        note = f"from epoch {begins[name] + 1}" if waits and name in begins else state
        found.append(
            {
                "name": name,
                "title": formatting.group_title(name),
                "count": count,
                "state": state,
                "note": note,
            }
        )
    return found


def text_on(colour: str) -> str:
    """Whichever of dark and light is easier to read on a colour (WCAG's contrast)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)
    ]
    bright = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return LIGHT if 1.05 / (bright + 0.05) > (bright + 0.05) / 0.056 else DARK


def _trained(config: FineTuneConfig | None, shape: ModelSpec, epoch: int | None) -> set[str]:
    """Nothing where the groups are not ones of this model, which the form says."""
    try:
        return strategies.trained_groups(config, shape, epoch) if config else set()
    except UnfreezeError:
        return set()


def _first_epochs(config: FineTuneConfig, shape: ModelSpec) -> dict[str, int]:
    """The epoch in which each group begins to train."""
    found: dict[str, int] = {}
    for epoch in range(len(shape.group_sizes())):
        for name in strategies.trained_groups(config, shape, epoch):
            found.setdefault(name, epoch)
    return found
