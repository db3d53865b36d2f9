"""A picture of the model's layer groups: which train, which are frozen, and their sizes."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ftcore import formatting
from ftcore.colours import model_colour
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models.spec import ModelSpec
from ftcore.training import strategies
from pages.components.charts.component import script_component
from pages.components.charts.palette import text_on
from pages.components.shell import assets
from pages.components.text.labels import group_title

MANY = 9
"""Layers from which their blocks are small."""

_mount = script_component("layers", assets.LAYERS)


def layer_picture(
    config: FineTuneConfig | None,
    spec: ModelSpec,
    key: str,
    epoch: int | None = None,
    on_choice: Callable[[list[str]], None] | None = None,
    row: bool = False,
) -> None:
    """Draw the layer groups as blocks, stacked, or side by side with `row`.

    With `on_choice`, a click on a block calls it with the names of the groups to train, head first.
    See `blocks` for `config` and `epoch`.
    """
    colour = model_colour(config.mode if config else "custom")
    data = {"blocks": blocks(config, spec, epoch), "colour": colour, "text": text_on(colour)}
    data |= {"clicks": on_choice is not None, "row": row, "shared": shared_size(spec)}

    def choose() -> None:
        chosen = (st.session_state.get(key) or {}).get("chosen") or []
        if on_choice is not None:
            on_choice([name for name in spec.group_sizes() if name in chosen])

    _mount(key=key, data=data, **({"on_chosen_change": choose} if on_choice else {}))


def blocks(
    config: FineTuneConfig | None, spec: ModelSpec, epoch: int | None = None
) -> list[dict[str, Any]]:
    """One block per layer group, head first, with its size and state in an epoch (0 is the first).

    The state is `trains`, `adapted` (by LoRA), `frozen` or `later`. Without an epoch, groups that train in
    any epoch are not frozen; without a config all are.
    """
    now, ever = (_trained_groups(config, spec, at) for at in (epoch, None))
    first_epochs = _first_epochs(config, spec) if config and config.mode == "gradual" else {}
    adapters = strategies.adapter_sizes(config, spec) if config and now else {}
    drawn = []
    for name, count in spec.group_sizes().items():
        starts_later = first_epochs.get(name, 0) > 0 if epoch is None else name not in now
        later = name in ever and starts_later
        state = "later" if later else "trains" if name in now else "frozen"
        note = f"from epoch {first_epochs[name] + 1}" if later and name in first_epochs else state
        if name in adapters:
            state, note = "adapted", f"LoRA {adapters[name]:,}"
        title = group_title(name)
        drawn.append({"name": name, "title": title, "count": count, "state": state, "note": note})
    return drawn


def shared_size(spec: ModelSpec) -> str:
    """The size of each layer as a caption, where there are too many layers to draw it in each block."""
    sizes = list(spec.group_sizes().values())[1:-1]
    if len(sizes) < MANY:
        return ""
    about = "" if len(set(sizes)) == 1 else "about "
    return (
        f"{len(sizes)} layers of {about}{formatting.count(sum(sizes) / len(sizes))} parameters each"
    )


def _trained_groups(config: FineTuneConfig | None, spec: ModelSpec, epoch: int | None) -> set[str]:
    """The groups that train; empty if the config names groups that this model lacks."""
    try:
        return strategies.trained_groups(config, spec, epoch) if config else set()
    except UnfreezeError:
        return set()


def _first_epochs(config: FineTuneConfig, spec: ModelSpec) -> dict[str, int]:
    """The epoch in which each group begins to train, by name."""
    first: dict[str, int] = {}
    for epoch in range(len(spec.group_sizes())):
        for name in strategies.trained_groups(config, spec, epoch):
            first.setdefault(name, epoch)
    return first
