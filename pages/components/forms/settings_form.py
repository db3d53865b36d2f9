"""Inputs for the settings of a run, drawn from the fields of FineTuneConfig.

Each input keeps its value in the session under `setting_<name>`, also while another page is shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ftcore import config, modes, presets, settings
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import Checkpoint, list_checkpoints
from ftcore.models.spec import ModelSpec
from ftcore.relevance import relevant_settings
from pages.components.forms.encoder_form import encoder_form

FINE_TUNING = [name for name in SETTINGS if name not in config.NEW_MODEL_SETTINGS]
NOT_IN_PRESETS = (
    "checkpoint",
    "dataset",
    "source",
    "mode",
    "groups",
    "limit",
    "seed",
    "device",
    "devices",
    "threads",
    "gpu_share",
    "priority",
    "watch",
    "name",
)
IN_PRESETS = [name for name in FINE_TUNING if name not in NOT_IN_PRESETS]
ADDED = "added_checkpoint"
"""Key of a checkpoint that was just added, and will be chosen."""

LAST_LIMIT = "last_limit"
"""Key of the number of training texts before its input changes."""

LAST_GROUPS = "last_groups"
"""Key of K in the mode `last-K`."""

DATA_PATH = {
    "persist_state": "session",
    "placeholder": "An archive or a folder on this machine; empty downloads it",
}


def key(name: str) -> str:
    """The key of a setting in the session state."""
    return f"setting_{name}"


def initialize() -> dict[str, Checkpoint]:
    """Give every setting a value, once per session, and return the available checkpoints by ref.

    Without any checkpoint, ends the page with a hint.
    """
    checkpoints = {checkpoint.ref: checkpoint for checkpoint in list_checkpoints()}
    if not checkpoints:
        st.info("There is no checkpoint to start from yet.")
        icon = ":material/arrow_forward:"
        st.page_link("checkpoints.py", label="Import or pretrain one", icon=icon)
        st.stop()
    if key("mode") not in st.session_state:
        fill({name: setting.default for name, setting in SETTINGS.items()})
        fill(preset("Quick", st.session_state[key("mode")]))
    return checkpoints


def fill(values: dict[str, Any]) -> None:
    """Set the values of inputs; only in a callback, or before the inputs are drawn."""
    for name, value in values.items():
        if name in SETTINGS:
            # A run of another model than an encoder has no pooling.
            st.session_state[key(name)] = value if (name, value) != ("pooling", "") else "auto"


def values() -> dict[str, Any]:
    """The current values of all inputs."""
    return {name: st.session_state[key(name)] for name in SETTINGS}


def preset(name: str, mode: str) -> dict[str, Any]:
    """The values that a preset sets in a mode."""
    values = {setting: SETTINGS[setting].default for setting in IN_PRESETS}
    spec = config.encoder_spec(st.session_state[key("checkpoint")])
    return values | mode_defaults(mode) | presets.values(name, mode, spec)


def mode_defaults(mode: str) -> dict[str, Any]:
    """The values that a mode sets for the chosen checkpoint."""
    return vars(modes.mode_defaults(mode, recipe(), st.session_state[key("limit")]))


def end_setting() -> str:
    """The setting that decides when a run ends: epochs, unless steps or minutes are given."""
    given = (name for name in ("steps", "minutes") if st.session_state[key(name)])
    return next(given, "epochs")


def more_settings() -> list[str]:
    """The settings under "More settings": those that have an effect, or all while a value is invalid."""
    apart = {*config.SHOWN, "source", end_setting()}
    try:
        relevant = {each.name for each in relevant_settings(FineTuneConfig(**values()))}
    except UnfreezeError:
        relevant = set(FINE_TUNING)
    return [name for name in FINE_TUNING if name in relevant - apart]


def encoder() -> bool:
    """Whether the chosen checkpoint is an encoder."""
    return recipe() != "lesson"


def recipe() -> modes.Recipe:
    """The kind of the chosen checkpoint, which decides the defaults."""
    return modes.recipe(config.encoder_spec(st.session_state[key("checkpoint")]))


def checkpoint_input(checkpoints: Mapping[str, Checkpoint]) -> None:
    """Draw the choice of the checkpoint to start from, and a button that adds an encoder."""
    if added := st.session_state.pop(ADDED, ""):
        choose_checkpoint(added)
    if st.session_state[key("checkpoint")] not in checkpoints:
        fill({"checkpoint": next(iter(checkpoints))})
    titles = {ref: checkpoint.title for ref, checkpoint in checkpoints.items()}
    options = {"format_func": titles.get, "help": "The pretrained model to start from."}
    options |= {"persist_state": "session", "on_change": _apply_checkpoint}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox("Checkpoint", titles, key=key("checkpoint"), **options)
        help = "Add an encoder, from the Hugging Face Hub or a folder"
        if st.button("", key="add_encoder", icon=":material/add:", help=help):
            _add_encoder()


@st.dialog("Add an encoder")
def _add_encoder() -> None:
    if encoder := encoder_form():
        st.session_state[ADDED] = encoder.ref  # the choice was drawn before
        st.rerun()


def choose_checkpoint(ref: str) -> None:
    """Choose a checkpoint; only in a callback, or before its input is drawn."""
    fill({"checkpoint": ref})
    _apply_checkpoint()


def _apply_checkpoint() -> None:
    """Callback: defaults of another kind of model become those of this one."""
    mode, limit = st.session_state[key("mode")], st.session_state[key("limit")]
    given = values().items()
    others = (kind for kind in modes.DEFAULTS if kind != recipe())
    if any(vars(modes.mode_defaults(mode, kind, limit)).items() <= given for kind in others):
        apply_preset()


def data_input() -> None:
    """Draw the choice of the dataset, and of its path."""
    options = {"persist_state": "session", "on_change": lambda: fill({"source": ""})}
    titles, chosen = datasets.titles(), st.session_state[key("dataset")]
    if datasets.is_version(chosen) and (version := datasets.find(chosen)):
        titles[chosen] = version.title  # that of a run whose settings are used again
    options |= {"format_func": titles.get, "help": "What to learn."}
    names = list(titles)
    if chosen not in names:  # it was removed
        fill({"dataset": names[0], "source": ""})
    st.selectbox("Data", names, key=key("dataset"), **options)
    if datasets.find_spec(st.session_state[key("dataset")]).takes_source:
        st.text_input("Where the data is", key=key("source"), **DATA_PATH)


def mode_input(spec: ModelSpec) -> None:
    """Draw the choice of the mode; `last-K` is one button, with a slider for K while it is chosen."""
    mode = st.session_state[key("mode")]
    known = modes.DEFAULTS[recipe()]
    if modes.last_groups(mode) > len(spec.group_sizes()) or not (
        modes.last_groups(mode) or mode in known
    ):  # chosen for a deeper model, or for another kind
        mode = "full"
        fill({"mode": mode})
    if count := modes.last_groups(mode):
        st.session_state[LAST_GROUPS] = count
    last = f"last-{last_groups(spec)}"
    names = [last if modes.last_groups(name) else name for name in known]
    options = {"format_func": modes.mode_title, "on_change": apply_preset, "required": True}
    options |= {"persist_state": "session", "wrap": True}
    st.segmented_control("What trains", names, key=key("mode"), **options)
    if st.session_state[key("mode")] == last:
        last_groups_input(spec, on_change=_apply_last_groups)


def _apply_last_groups() -> None:
    fill({"mode": f"last-{st.session_state[LAST_GROUPS]}"})


def last_groups(spec: ModelSpec) -> int:
    """How many groups from the top the mode `last-K` trains."""
    return min(st.session_state.get(LAST_GROUPS, 2), len(spec.group_sizes()))


def last_groups_input(spec: ModelSpec, **options: Any) -> None:
    """Draw the choice of the number of groups that the mode `last-K` trains."""
    st.session_state[LAST_GROUPS] = last_groups(spec)
    options |= {"help": "The last layer, and the layers below it.", "persist_state": "session"}
    groups = len(spec.group_sizes())
    st.slider("Groups from the top", 2, groups, key=LAST_GROUPS, **options)


def freezing_config() -> FineTuneConfig | None:
    """A config with the settings that decide which groups train; None if they are invalid."""
    names = ("checkpoint", "mode", "groups", "lora_rank", "epochs", "train_embeddings")
    try:
        return FineTuneConfig(**{name: st.session_state[key(name)] for name in names})
    except UnfreezeError:
        return None


def choose_groups(groups: Sequence[str]) -> None:
    """Callback: train exactly these groups, in mode custom."""
    previous_mode = st.session_state[key("mode")]
    fill({"mode": "custom", "groups": ", ".join(groups)})
    if previous_mode != "custom":
        apply_preset()


def preset_input(label: str, **options: Any) -> None:
    """Draw the choice of presets; none is selected if the inputs hold other values."""
    mode, current = st.session_state[key("mode")], values().items()
    names = list(presets.of_kind(encoder()))
    matching = (name for name in names if preset(name, mode).items() <= current)
    st.session_state["preset"] = next(matching, None)
    st.segmented_control(label, names, key="preset", on_change=apply_preset, **options)


def apply_preset() -> None:
    """Callback: fill in the preset's values for the mode, or without a preset the mode's defaults."""
    name, mode = st.session_state.get("preset", "Quick"), st.session_state[key("mode")]
    if mode == "custom" and not st.session_state[key("groups")]:
        fill({"groups": "head"})
    known = name in presets.of_kind(encoder())
    fill(preset(name, mode) if known else mode_defaults(mode))


def limit_input() -> None:
    """Draw the number of training texts, which the epochs of a mode follow."""
    setting_input("limit", label="Training texts (0: all)", on_change=_apply_limit)
    st.session_state[LAST_LIMIT] = st.session_state[key("limit")]


def _apply_limit() -> None:
    """Callback: epochs that are the mode's are those for the new number of texts."""
    mode, before = st.session_state[key("mode")], st.session_state[LAST_LIMIT]
    if st.session_state[key("epochs")] == modes.mode_defaults(mode, recipe(), before).epochs:
        fill({"epochs": mode_defaults(mode)["epochs"]})


def setting_input(name: str, *, explain: bool = False, **options: Any) -> None:
    """Draw the input of a setting. `explain` puts the help below it instead of in a tooltip."""
    setting = SETTINGS[name]
    help_text = setting.metadata["help"]
    common: dict[str, Any] = {
        "label": settings.label(setting),
        "key": key(name),
        "persist_state": "session",
        "help": None if explain else help_text,
    } | options
    if allowed := settings.choices(setting):
        st.segmented_control(options=allowed, required=True, wrap=True, **common)
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
        st.caption(help_text)
