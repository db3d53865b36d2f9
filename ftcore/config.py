"""The settings of a run: one frozen record that draws the form, parses the command line and is stored."""

import argparse
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

from ftcore import validation
from ftcore.errors import UsageError
from ftcore.text.truncation import MAX_LENGTH, Truncation

MODES = {  # mode → title; `last-2`, `last-3`, … train that many groups from the top
    "full": "Full",
    "last-layer": "Last layer",
    "gradual": "Gradual",
    "scratch": "From scratch",
    "custom": "Custom",
    "tfidf": "TF-IDF",
    "linear-probe": "Linear probe",
    "majority": "Majority class",
}
# Baselines that the other modes are compared with.
REFERENCES = ("tfidf", "linear-probe", "majority")
SHOWN = ("checkpoint", "dataset", "mode", "epochs", "learning_rate", "limit")  # not folded away
NEW_MODEL_SETTINGS = ("vectors", "words", "heads", "layers", "feedforward")
NEW_MODEL = "new"  # in place of a checkpoint: random layers over word vectors, that is, pretraining

# Names of earlier versions. Options, JSON keys and modes of these names are still accepted.
EARLIER_NAMES = {"own_data": "source_task_data", "tail": "tail_fraction", "clip": "max_grad_norm"}
EARLIER_MODES = {"best-head": "linear-probe"}

SELF_TRAINED = (
    "This run of an earlier version used self-training, which was removed, so it cannot be resumed: "
    "keep its best model, or start a new run."
)

_LABELS = {  # of the settings whose name does not serve
    "groups": "Groups that train",
    "limit": "Training texts",
    "max_grad_norm": "Gradient clipping",
    "train_embeddings": "Train word vectors",
    "embedding_rate": "Word vectors' rate",
    "max_length": "Longest text",
    "tail_fraction": "Fraction from the end",
    "source_task_data": "Data of the checkpoint's own task",
    "watch": "Watched sentences",
    "vectors": "Word vectors",
    "feedforward": "Feed-forward size",
}
_LAST_GROUPS = re.compile(r"last-([1-9]\d?)")


@dataclass(frozen=True)
class ModeDefaults:
    """The values of the settings whose default depends on the mode."""

    epochs: int = 3
    learning_rate: float = 1.5e-3
    layer_decay: float = 1.0
    batch_size: int = 64


MODE_DEFAULTS: dict[str, ModeDefaults] = {
    "full": ModeDefaults(),
    "last-layer": ModeDefaults(epochs=20, learning_rate=0.05, batch_size=128),
    "last-2": ModeDefaults(),
    # Layer decay 1 / 2.6 (Howard & Ruder 2018, ULMFiT).
    "gradual": ModeDefaults(epochs=4, learning_rate=3e-3, layer_decay=0.385),
    "scratch": ModeDefaults(),
    "custom": ModeDefaults(),
}
_NO_STEPS = ModeDefaults(epochs=0, learning_rate=0.0, layer_decay=0.0, batch_size=0)


def mode_title(mode: str) -> str:
    """Return the display name of a mode."""
    groups = last_groups(mode)
    return MODES.get(mode) or (f"Last {groups} groups" if groups else mode)


def mode_defaults(mode: str) -> ModeDefaults:
    """Return the defaults of a mode; all zero for a reference, which takes no steps."""
    if mode in REFERENCES:
        return _NO_STEPS
    return MODE_DEFAULTS[mode if mode in MODES else "last-2"]


def generated_name(modes: Iterable[str], dataset: str, detail: str) -> str:
    """Return the name of a run or an experiment without one: Full, Last layer · sample · seed 0."""
    titles = dict.fromkeys(mode_title(mode) for mode in modes)
    return f"{', '.join(titles)} · {dataset} · {detail}"


def last_groups(mode: str) -> int:
    """Return the number of groups that `last-K` trains, 0 for any other mode."""
    match = _LAST_GROUPS.fullmatch(mode)
    return int(match[1]) if match else 0


def _setting(default: Any, help: str, low: float | None = None, high: float | None = None) -> Any:
    """Return a field. The default None stands for the mode's; `low` and `high` are inclusive."""
    return field(default=default, metadata=dict(help=help, low=low, high=high))


@dataclass(frozen=True)
class FineTuneConfig:
    """All settings that decide a run's outcome. Raises UsageError if a value is out of range.

    Values are converted to the field's type. Settings left at None take the mode's default at once, so
    the stored record always holds the values that were used.
    """

    checkpoint: str = _setting("starter", "Pretrained model to start from: name, run id, or 'new'.")
    dataset: str = _setting("sample", "The task: sample, imdb or ag_news.")
    source: str = _setting("", "Archive or folder with the data (default: download it).")
    mode: str = _setting(
        "full",
        "What trains: full (all layers), last-layer (the new head only), last-2, last-3, … (that many "
        "groups from the top), gradual (from the top down, one more group each epoch), custom (the "
        "given groups), scratch (all layers, from random weights); or a reference: tfidf, majority "
        "(no network) or linear-probe (the best linear head on the frozen body).",
    )
    groups: str = _setting("", "Groups of mode custom: head, layer 2, layer 1, word vectors.")
    epochs: int = _setting(None, "Passes over the training texts (default: the mode's).", 1, 1000)
    learning_rate: float = _setting(None, "Highest learning rate (default: the mode's).", 0.0, 1e6)
    layer_decay: float = _setting(
        None, "Rate of each group as a fraction of the group above (default: the mode's).", 0.0, 1.0
    )
    limit: int = _setting(0, "Training texts to use, drawn by seed; 0 uses all.", 0, 10_000_000)
    batch_size: int = _setting(None, "Texts per step (default: the mode's).", 1, 4096)
    optimizer: Literal["adamw", "sgd"] = _setting("adamw", "The optimizer.")
    schedule: Literal["one-cycle", "constant"] = _setting(
        "one-cycle", "The learning rate over time: warm-up and decay, or constant."
    )
    weight_decay: float = _setting(0.01, "Weight decay.", 0.0, 10.0)
    max_grad_norm: float = _setting(1.0, "Largest gradient norm; 0 turns clipping off.", 0.0, 1e6)
    dropout: float = _setting(0.0, "Dropout rate in the body while it trains.", 0.0, 0.9)
    word_dropout: float = _setting(0.3, "Fraction of words hidden while the body trains.", 0.0, 0.9)
    train_embeddings: bool = _setting(
        True, "Also train the word vectors, most of the parameters, if all layers train."
    )
    embedding_rate: float = _setting(
        0.3, "Learning rate of trained word vectors as a fraction of the body's.", 0.0, 10.0
    )
    max_length: int = _setting(256, "Tokens read of each text; the rest is cut.", 8, MAX_LENGTH)
    tail_fraction: float = _setting(
        0.6, "Fraction of them taken from the end of a longer text; 0: its start only.", 0.0, 1.0
    )
    evaluations: int = _setting(5, "Validations per epoch, after one before training.", 1, 100)
    seed: int = _setting(0, "Seed of the split, the order and new weights.", 0, 2**31 - 1)
    device: str = _setting("auto", "auto (a GPU if there is one), cpu, cuda, mps or xpu.")
    precision: Literal["auto", "fp32", "bf16"] = _setting(
        "auto", "Number format of matrix products; auto takes bf16 if the device supports it."
    )
    source_task_data: str = _setting(
        "", "Data of the checkpoint's own task, to measure forgetting (default: its download)."
    )
    watch: str = _setting("", "Sentences, one a line, that each validation classifies.")
    name: str = _setting("", "Name of the run (default: generated).")
    vectors: str = _setting("", "File of word vectors (default: download GloVe 6B 100d).")
    words: int = _setting(40_000, "Vocabulary size: the most frequent words.", 100, 2_000_000)
    heads: int = _setting(2, "Attention heads.", 1, 64)
    layers: int = _setting(2, "Transformer layers.", 1, 24)
    feedforward: int = _setting(128, "Width of the feed-forward part of a layer.", 1, 16_384)

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            object.__setattr__(self, name, _checked(setting, getattr(self, name)))
        if last_groups(self.mode) == 1:
            object.__setattr__(self, "mode", "last-layer")
        if self.mode in REFERENCES and self.mode != "linear-probe":
            object.__setattr__(self, "checkpoint", "")
        for name, default in vars(mode_defaults(self.mode)).items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        if self.mode == "linear-probe" and self.checkpoint in ("", NEW_MODEL):
            raise UsageError("A linear probe needs a pretrained body: choose a checkpoint.")
        if self.mode == "custom" and not self.groups:
            raise UsageError("A custom run needs a group that trains, such as head.")
        if self.mode not in ("full", *REFERENCES) and self.checkpoint == NEW_MODEL:
            raise UsageError("A new model has random layers, so train all of it: mode full.")

    @property
    def truncation(self) -> Truncation:
        """Which tokens of a text are read."""
        return Truncation(self.max_length, self.tail_fraction)

    @property
    def watched(self) -> list[str]:
        """The watched sentences."""
        return [line.strip() for line in self.watch.splitlines() if line.strip()]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FineTuneConfig":
        """Build a config from `to_dict`, strings or earlier names. Raises UsageError."""
        values = current_names(values)
        if unknown := sorted(values.keys() - SETTINGS.keys()):
            raise UsageError(f"Unknown setting: {validation.printable(', '.join(unknown))}.")
        return cls(**values)

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "FineTuneConfig":
        """Build a config from a stored record; settings that no longer exist are ignored."""
        values = current_names(values)
        return cls(**{name: value for name, value in values.items() if name in SETTINGS})


Setting = dataclasses.Field[Any]
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in fields(FineTuneConfig)}

PRESETS: dict[str, dict[str, Any]] = {
    "Quick": {},
    "Best": {"epochs": 4, "max_length": 512, "embedding_rate": 0.4},
    "Lesson": {
        "epochs": 100,
        "learning_rate": 1.0,
        "optimizer": "sgd",
        "schedule": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 0.1,
        "batch_size": 32,
        "dropout": 0.1,
        "word_dropout": 0.0,
        "train_embeddings": False,
        "max_length": 1024,
        "tail_fraction": 0.0,
        "precision": "fp32",
        "evaluations": 1,
    },
}


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with earlier names of settings replaced; a current name takes precedence."""
    renamed = {new: values[old] for old, new in EARLIER_NAMES.items() if old in values}
    return renamed | {name: value for name, value in values.items() if name not in EARLIER_NAMES}


def relevant_settings(config: FineTuneConfig) -> list[Setting]:
    """Return the settings that have an effect on a run of this config."""
    new = config.checkpoint == NEW_MODEL
    names = [name for name in SETTINGS if new or name not in NEW_MODEL_SETTINGS]
    if config.mode in REFERENCES:
        names = ["dataset", "source", "mode", "limit", "seed", "name"]
    if config.mode == "linear-probe":
        names += ["checkpoint", "max_length", "tail_fraction", "device", "precision"]
    generated, custom = config.dataset == "sample", config.mode == "custom"
    unused = {"source": generated, "groups": not custom, "source_task_data": new}
    return [SETTINGS[name] for name in SETTINGS if name in names and not unused.get(name)]


def refuse_ignored(given: Mapping[str, Any], *configs: FineTuneConfig) -> None:
    """Raise UsageError if a given setting has no effect on any of the configs."""
    used = {setting.name for config in configs for setting in relevant_settings(config)}
    used |= {name for name, value in given.items() if value in ("", "0")}  # stand for "not given"
    if ignored := [_option(name) for name in given if name not in used]:
        raise UsageError(f"These options would have no effect, omit them: {', '.join(ignored)}.")


def choices(setting: Setting) -> tuple[str, ...]:
    """Return the values that a setting admits, empty if any text or number."""
    return get_args(setting.type) if get_origin(setting.type) is Literal else ()


def label(setting: Setting) -> str:
    """Return the display name of a setting."""
    return _LABELS.get(setting.name) or setting.name.replace("_", " ").capitalize()


def add_arguments(
    parser: argparse.ArgumentParser,
    without: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Add an option per setting, absent from the result if not given; help has `defaults`."""
    for name, setting in SETTINGS.items():
        if name in without:
            continue
        options: dict[str, Any] = {"metavar": name.upper()}
        if setting.type is bool:
            options = {"action": argparse.BooleanOptionalAction}
        elif allowed := choices(setting):
            options = {"choices": allowed}
        options |= {"dest": name, "default": argparse.SUPPRESS}
        parser.add_argument(_option(name), help=_help(setting, defaults or {}), **options)
        for earlier, current in EARLIER_NAMES.items():
            if current == name:
                parser.add_argument(_option(earlier), help=argparse.SUPPRESS, **options)
    parser.add_argument(
        "--self-training", "--unlabelled", action=_Removed, nargs="?", help=argparse.SUPPRESS
    )


def _help(setting: Setting, defaults: Mapping[str, Any]) -> str:
    """Return the help of an option, with its default."""
    text, default = setting.metadata["help"], defaults.get(setting.name, setting.default)
    if setting.default is None and default is not None:
        text = text.replace("the mode's", str(default))
    elif default not in ("", None):
        text += f" (default: {default})"
    return text.replace("%", "%%")


class _Removed(argparse.Action):
    """An option of an earlier version: ends the program with one sentence and status 2."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        parser.exit(2, "Self-training was removed (see docs/decisions.md); omit this option.\n")


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name in SETTINGS}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _checked(setting: Setting, value: Any) -> Any:
    """Return `value` in the setting's type. Raises UsageError if it is out of range."""
    if value is None and setting.default is None:
        return None
    name, shown = label(setting), validation.printable(_spelled(value))
    allowed = choices(setting)
    if setting.name == "mode":
        value = EARLIER_MODES.get(str(value), str(value))
        allowed = (value,) if last_groups(value) else (*MODES, "last-2", "last-3")
    if allowed:
        if value not in allowed:
            raise UsageError(f"{name} is {shown}; {validation.choose_from(str(value), allowed)}")
        return value
    if setting.type is bool:
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise UsageError(f"{name} is {shown}; choose true or false.")
        return str(value).lower() in ("true", "1")
    if setting.type is str:
        text = str(value).strip()
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise UsageError(f"{name} is {shown}; remove what is not a character.")
        return text
    try:
        number = setting.type(value)  # type: ignore[operator]
    except (TypeError, ValueError, OverflowError):
        kind = "whole number" if setting.type is int else "number"
        raise UsageError(f"{name} is {shown}; give a {kind}.") from None
    if number == 0 and setting.default is None:  # "not given", as in earlier versions
        return None
    low, high = setting.metadata["low"], setting.metadata["high"]
    if not low <= number <= high:
        raise UsageError(f"{name} is {shown}; choose from {low:g} to {high:g}.")
    return number


def _spelled(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # an integer with too many digits
        return "a number of thousands of digits"
