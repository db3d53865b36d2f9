"""Inputs for the settings of a run, drawn from the fields of FineTuneConfig.

Each input keeps its value in the session under `setting_<name>`, also while another page is shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ftcore.config import (
    MODE_DEFAULTS,
    PRESETS,
    SETTINGS,
    FineTuneConfig,
    choices,
    label,
    last_groups,
    mode_defaults,
    mode_title,
)
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import Checkpoint, list_checkpoints
from ftcore.models.spec import ModelSpec

FREE = (
    "checkpoint",
    "dataset",
    "source",
    "mode",
    "groups",
    "limit",
    "seed",
    "device",
    "watch",
    "name",
)
DECIDED_BY_PRESET = tuple(
    name for name in SETTINGS if name not in FREE and not SETTINGS[name].metadata["new_model"]
)
FOLDED = tuple(
    name
    for name, setting in SETTINGS.items()
    if not setting.metadata["shown"] and not setting.metadata["new_model"] and name != "source"
)


def key(name: str) -> str:
    """Where the session keeps a setting."""
    return f"setting_{name}"


def initialize() -> dict[str, Checkpoint]:
    """The checkpoints to start from, by ref; ends the page where there is none.

    Every setting that has no value yet is given one.
    """
    found = {checkpoint.ref: checkpoint for checkpoint in list_checkpoints()}
    if not found:
        st.info("There is no checkpoint to start from yet.")
        st.page_link(
            "checkpoints.py", label="Import or pretrain one", icon=":material/arrow_forward:"
        )
        st.stop()
    if key("mode") not in st.session_state:
        fill({name: setting.default for name, setting in SETTINGS.items()})
        fill(preset("Quick", st.session_state[key("mode")]))
    return found


def fill(values: dict[str, Any]) -> None:
    """Put values into the inputs; in a callback, or before they are drawn."""
    for name, value in values.items():
        if name in SETTINGS:
            st.session_state[key(name)] = value


def values() -> dict[str, Any]:
    """What the inputs hold now."""
    return {name: st.session_state[key(name)] for name in SETTINGS}


def preset(name: str, mode: str) -> dict[str, Any]:
    """All that a preset decides, for a mode."""
    defaults = {setting: SETTINGS[setting].default for setting in DECIDED_BY_PRESET}
    return defaults | vars(mode_defaults(mode)) | PRESETS[name]


def checkpoint_input(checkpoints: Mapping[str, Checkpoint]) -> None:
    """Draw the choice of what to start from."""
    if st.session_state[key("checkpoint")] not in checkpoints:
        fill({"checkpoint": next(iter(checkpoints))})
    st.selectbox(
        "Checkpoint",
        list(checkpoints),
        format_func=lambda ref: checkpoints[ref].title,
        key=key("checkpoint"),
        persist_state="session",
        help="The pretrained model to start from.",
    )


def data_input() -> None:
    """Draw the choice of data, and where it is."""
    st.selectbox(
        "Data",
        datasets.NAMES,
        format_func=datasets.title,
        key=key("dataset"),
        persist_state="session",
        on_change=lambda: fill({"source": ""}),
        help="What to learn.",
    )
    if st.session_state[key("dataset")] != "sample":
        st.text_input(
            "Where the data is",
            key=key("source"),
            persist_state="session",
            placeholder="An archive or a folder on this machine; empty downloads it",
        )


def mode_input(shape: ModelSpec) -> None:
    """Draw the choice of what trains: the modes, the last K groups for as many as the model has layers."""
    modes = [mode for mode in MODE_DEFAULTS if not last_groups(mode)]
    last = [f"last-{count}" for count in range(2, shape.layers + 1)]
    at = modes.index("last-layer") + 1
    now = st.session_state[key("mode")]
    if now not in modes + last:  # of a larger model, or all groups, the word vectors too
        if last_groups(now) <= len(shape.group_sizes()):
            last.append(now)
        else:
            fill({"mode": "full"})
    st.segmented_control(
        "What trains",
        [*modes[:at], *last, *modes[at:]],
        format_func=mode_title,
        key=key("mode"),
        persist_state="session",
        required=True,
        on_change=follow_preset,
        wrap=True,
    )


def what_trains() -> FineTuneConfig | None:
    """The settings that decide it; None where no group is chosen."""
    now = values()
    try:
        return FineTuneConfig(
            mode=now["mode"], groups=now["groups"], train_embeddings=now["train_embeddings"]
        )
    except UnfreezeError:
        return None


def choose_groups(groups: Sequence[str]) -> None:
    """Callback: train these and no other."""
    was = st.session_state[key("mode")]
    fill({"mode": "custom", "groups": ", ".join(groups)})
    if was != "custom":
        follow_preset()


def preset_input(label: str, **options: Any) -> None:
    """Draw the choice of presets; none is chosen where the inputs hold values of one's own."""
    now = values()
    st.session_state["preset"] = next(
        (
            name
            for name in PRESETS
            if all(now[setting] == value for setting, value in preset(name, now["mode"]).items())
        ),
        None,
    )
    st.segmented_control(label, list(PRESETS), key="preset", on_change=follow_preset, **options)


def follow_preset() -> None:
    """Callback: take the preset's values for the mode, or the mode's own epochs and rate."""
    name, mode = st.session_state.get("preset"), st.session_state[key("mode")]
    if mode == "custom" and not st.session_state[key("groups")]:
        fill({"groups": "head"})
    fill(preset(name, mode) if name else vars(mode_defaults(mode)))


def setting_input(name: str, *, explain: bool = False, **options: Any) -> None:
    """Draw one input. `explain` puts the setting's help below it, otherwise behind a question mark."""
    setting = SETTINGS[name]
    text = setting.metadata["help"]
    common: dict[str, Any] = {
        "label": label(setting),
        "key": key(name),
        "persist_state": "session",
        "help": None if explain else text,
    } | options
    if allowed := choices(setting):
        st.segmented_control(options=allowed, required=True, **common)
    elif setting.type is bool:
        st.toggle(**common)
    elif setting.type is int:
        st.number_input(step=1, **common)
    elif setting.type is float:
        st.number_input(step=None, format="%g", **common)
    elif name == "watch":
        st.text_area(height=110, **common)
    else:
        st.text_input(**common)
    if explain:
        st.caption(text)
