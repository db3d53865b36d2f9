"""Which settings have an effect on a run; the others are not shown, and refused on the command line."""

from collections.abc import Container

from ftcore.config import EXECUTION, NEW_MODEL, NEW_MODEL_SETTINGS, SETTINGS, FineTuneConfig
from ftcore.data import datasets
from ftcore.modes import REFERENCES, last_groups
from ftcore.settings import Setting, label

# How a run is executed, and what takes the place of another setting.
_ONLY_IF_CHOSEN = (*EXECUTION, "minutes", "steps", "read_length")


def relevant_settings(config: FineTuneConfig) -> list[Setting]:
    """Return the settings that have an effect on a run of this config."""
    names = set(SETTINGS)
    if config.mode in REFERENCES:
        names = {"dataset", "source", "mode", "limit", "test_limit", "class_weights"}
        names |= {"seed", "priority", "name"}
    if config.mode == "linear-probe":
        names |= {"checkpoint", "pooling", "max_length", "read_length", "tail_fraction"}
        names |= {"device", "threads", "gpu_share", "precision"}
    names -= _unused_by_data_and_model(config) | _unused_by_mode(config)
    return [SETTINGS[name] for name in SETTINGS if name in names]


def shown_values(config: FineTuneConfig, without: Container[str] = ()) -> dict[str, str]:
    """Return what describes a finished run, as text by the labels of settings, less those named `without`."""
    values = {}
    for setting in relevant_settings(config):
        value = getattr(config, setting.name)
        omitted = setting.name in _ONLY_IF_CHOSEN and value == setting.default
        if value != "" and not omitted and setting.name not in without:
            values[label(setting)] = _shown(setting.name, value)
    return values


def _shown(name: str, value: object) -> str:
    if name in ("limit", "test_limit"):
        return f"{value:,}" if value else "all"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _unused_by_data_and_model(config: FineTuneConfig) -> set[str]:
    unused = set() if config.checkpoint == NEW_MODEL else set(NEW_MODEL_SETTINGS)
    data = datasets.find(config.dataset)
    if data and not data.takes_source:
        unused.add("source")
    # Nothing to forget, or nothing looks at it.
    if config.checkpoint == NEW_MODEL or config.mode == "scratch" or not config.keep_model:
        unused.add("source_task_data")
    if config.steps or config.minutes:
        unused |= {"epochs", "minutes"} if config.steps else {"epochs"}
    unused.add("word_dropout" if config.encoder else "pooling")
    if config.device not in ("auto", "cuda"):
        unused.add("gpu_share")
    if config.epoch_lengths and config.read_length and config.mode != "lp-ft":
        unused |= set() if config.head_alone else {"max_length"}
    return unused


def _unused_by_mode(config: FineTuneConfig) -> set[str]:
    """Settings of groups that never train, as far as the mode tells without the model."""
    groups, head_alone = config.chosen_groups, config.head_alone
    all_layers = config.mode in ("full", "gradual", "lp-ft", "scratch")
    vectors_frozen = (
        head_alone
        or (all_layers and not config.train_embeddings)
        or config.mode == "lora"
        or (config.mode == "custom" and not groups & {"word vectors", "embeddings"})
        or last_groups(config.mode) == 2  # a model has a layer between the head and the vectors
    )
    return (
        (set() if config.mode == "custom" else {"groups"})
        | (set() if config.mode == "lora" else {"lora_rank"})
        | (set() if all_layers else {"train_embeddings"})
        | ({"embedding_rate"} if vectors_frozen else set())
        | ({"layer_decay", "dropout", "word_dropout", "epoch_lengths"} if head_alone else set())
    )
