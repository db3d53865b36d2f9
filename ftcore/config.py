"""The settings of a run: one frozen record that draws the form, parses the command line and is stored."""

import argparse
import dataclasses
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.text.truncation import MAX_LENGTH, Truncation

MODES = {  # what each mode is called; `last-2`, `last-3`, … train the first groups from the top
    "full": "Full",
    "last-layer": "Last layer",
    "gradual": "Gradual",
    "scratch": "From scratch",
    "custom": "Custom",
    "tfidf": "TF-IDF",
    "best-head": "Best linear head",
    "majority": "Majority class",
}
REFERENCES = ("tfidf", "best-head", "majority")  # modes that are lines to compare the others with
NEW_MODEL = (
    "new"  # in place of a checkpoint: random weights over word vectors, that is, pretraining
)
SELF_TRAINED = (
    "This run learned from unlabelled texts, which Unfreeze no longer does, so it cannot be resumed: "
    "keep its best model, or start a new run."
)
_LAST = re.compile(r"last-([1-9]\d?)")


@dataclass(frozen=True)
class ModeDefaults:
    """What a setting of 0 stands for in a mode."""

    epochs: int = 3
    learning_rate: float = 1.5e-3
    layer_decay: float = 1.0
    batch_size: int = 64


MODE_DEFAULTS: dict[str, ModeDefaults] = {
    "full": ModeDefaults(),
    "last-layer": ModeDefaults(epochs=20, learning_rate=0.05, batch_size=128),
    "last-2": ModeDefaults(),
    "gradual": ModeDefaults(
        epochs=4, learning_rate=3e-3, layer_decay=0.385
    ),  # 1 / 2.6, as in ULMFiT
    "scratch": ModeDefaults(),
    "custom": ModeDefaults(),
}


def mode_title(mode: str) -> str:
    """A mode's name for a person."""
    groups = last_groups(mode)
    return MODES.get(mode) or (f"Last {groups} groups" if groups else mode)


def mode_defaults(mode: str) -> ModeDefaults:
    """The defaults of a mode that trains."""
    return MODE_DEFAULTS["last-2" if mode.startswith("last-") and mode not in MODES else mode]


def last_groups(mode: str) -> int:
    """How many groups `last-K` trains, and 0 for any other mode."""
    found = _LAST.fullmatch(mode)
    return int(found[1]) if found else 0


def _setting(
    default: Any,
    help: str,
    *,
    label: str = "",
    low: float | None = None,
    high: float | None = None,
    shown: bool = False,
    new_model: bool = False,
) -> Any:
    """A field with what a form and a command line need; `low` and `high` are inclusive."""
    metadata = {
        "help": help,
        "label": label,
        "low": low,
        "high": high,
        "shown": shown,
        "new_model": new_model,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class FineTuneConfig:
    """All that decides a run's outcome. Raises UnfreezeError, naming the setting, where a value is off."""

    checkpoint: str = _setting(
        "starter", "The pretrained model to start from: a name, a run id, or 'new'.", shown=True
    )
    dataset: str = _setting("sample", "What to learn: sample, imdb or ag_news.", shown=True)
    source: str = _setting(
        "", "Archive or folder with the data; empty downloads it from its publisher."
    )
    mode: str = _setting(
        "full",
        "What trains: full (every layer), last-layer (the new one alone), last-2, last-3, … (that many "
        "groups from the top), gradual (from the top down, a group more each epoch), custom (the groups "
        "named), scratch (every layer, from random weights); or a reference: tfidf and majority, "
        "without a network, or best-head, the best that a last layer can do.",
        shown=True,
    )
    groups: str = _setting(
        "",
        "The groups that train in mode custom: head, layer 2, layer 1, word vectors.",
        label="Groups that train",
    )
    epochs: int = _setting(
        0,
        "Passes over the training texts; 0 takes the mode's default.",
        low=0,
        high=1000,
        shown=True,
    )
    learning_rate: float = _setting(
        0.0,
        "Size of a step; 0 takes the mode's default.",
        label="Learning rate",
        low=0.0,
        high=1e6,
        shown=True,
    )
    layer_decay: float = _setting(
        0.0,
        "Learning rate of each group as a share of that of the group above it; 0 takes the mode's default.",
        label="Layer decay",
        low=0.0,
        high=1.0,
    )
    limit: int = _setting(
        0,
        "Use only this many training texts, drawn by seed; 0 takes all.",
        label="Training texts",
        low=0,
        high=10_000_000,
        shown=True,
    )
    batch_size: int = _setting(
        0, "Texts a step; 0 takes the mode's default.", label="Batch size", low=0, high=4096
    )
    optimizer: Literal["adamw", "sgd"] = _setting("adamw", "How gradients become steps.")
    schedule: Literal["one-cycle", "constant"] = _setting(
        "one-cycle", "The learning rate over time: up and down once, or never changed."
    )
    weight_decay: float = _setting(
        0.01, "Pull of weights towards zero.", label="Weight decay", low=0.0, high=10.0
    )
    clip: float = _setting(
        1.0,
        "Longest gradient allowed; 0 does not clip.",
        label="Gradient clipping",
        low=0.0,
        high=1e6,
    )
    dropout: float = _setting(
        0.0, "Share of features dropped while the body trains.", low=0.0, high=0.9
    )
    word_dropout: float = _setting(
        0.3,
        "Share of words hidden from the body while it trains.",
        label="Word dropout",
        low=0.0,
        high=0.9,
    )
    train_embeddings: bool = _setting(
        True,
        "Train the word vectors too, most of the parameters, where all layers train.",
        label="Train word vectors",
    )
    embedding_rate: float = _setting(
        0.3,
        "Learning rate of the word vectors, where they train, as a share of the body's.",
        label="Word vectors' rate",
        low=0.0,
        high=10.0,
    )
    max_length: int = _setting(
        256,
        "Tokens read of each text; the rest is cut out.",
        label="Longest text",
        low=8,
        high=MAX_LENGTH,
    )
    tail: float = _setting(
        0.6,
        "Share of these tokens taken from the end of a longer text; 0 reads its start alone.",
        label="Of these from the end",
        low=0.0,
        high=1.0,
    )
    evaluations: int = _setting(
        5, "Validations an epoch; one more stands before training.", low=1, high=100
    )
    seed: int = _setting(0, "Decides split, order and new weights.", low=0, high=2**31 - 1)
    device: str = _setting("auto", "auto takes the GPU where there is one; or cpu, cuda, mps, xpu.")
    precision: Literal["auto", "fp32", "bf16"] = _setting(
        "auto", "Number format of matrix products; auto takes bf16 where the device has it."
    )
    own_data: str = _setting(
        "",
        "Where the data of the checkpoint's own task is, to see what the run forgot; empty takes it where "
        "it was downloaded.",
        label="Data of the checkpoint's own task",
    )
    watch: str = _setting(
        "",
        "Sentences, a line each, that the model answers at every validation.",
        label="Watched sentences",
    )
    name: str = _setting("", "A name for the run; empty gives it one.")
    vectors: str = _setting(
        "",
        "File of word vectors; empty fetches GloVe 6B 100d.",
        label="Word vectors",
        new_model=True,
    )
    words: int = _setting(
        40_000, "Most frequent words that the model knows.", low=100, high=2_000_000, new_model=True
    )
    heads: int = _setting(2, "Attention heads.", low=1, high=64, new_model=True)
    layers: int = _setting(2, "Transformer layers.", low=1, high=24, new_model=True)
    feedforward: int = _setting(
        128,
        "Width inside a transformer layer.",
        label="Feed-forward size",
        low=1,
        high=16_384,
        new_model=True,
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            object.__setattr__(self, setting.name, _checked(setting, getattr(self, setting.name)))
        if self.mode in REFERENCES:
            if self.mode != "best-head":
                object.__setattr__(self, "checkpoint", "")
            elif self.checkpoint in ("", NEW_MODEL):
                raise UnfreezeError("The best linear head stands on a pretrained body; name one.")
            return
        if last_groups(self.mode) == 1:
            object.__setattr__(self, "mode", "last-layer")
        if self.mode == "custom" and not self.groups:
            raise UnfreezeError("A custom run trains nothing yet; name a group, such as head.")
        # Replaced here, so that the stored record always holds the values that were used.
        for name, default in vars(mode_defaults(self.mode)).items():
            object.__setattr__(self, name, getattr(self, name) or default)
        if self.checkpoint == NEW_MODEL and self.mode != "full":
            raise UnfreezeError("A new model has random layers, so train all of it: mode full.")

    @property
    def window(self) -> Truncation:
        """Which tokens of a text are read."""
        return Truncation(self.max_length, self.tail)

    @property
    def watched(self) -> list[str]:
        """The watched sentences."""
        return [line.strip() for line in self.watch.splitlines() if line.strip()]

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, in the order of the fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FineTuneConfig":
        """The inverse of `to_dict`, also for strings; names it does not know are passed over."""
        known = {setting.name for setting in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


PRESETS: dict[str, dict[str, Any]] = {
    "Quick": {},
    "Best": {
        "epochs": 4,
        "max_length": 512,
        "embedding_rate": 0.4,
    },
    "Lesson": {
        "epochs": 100,
        "learning_rate": 1.0,
        "optimizer": "sgd",
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip": 0.1,
        "batch_size": 32,
        "dropout": 0.1,
        "word_dropout": 0.0,
        "train_embeddings": False,
        "max_length": 1024,
        "tail": 0.0,
        "precision": "fp32",
        "evaluations": 1,
    },
}


def meant(config: FineTuneConfig) -> "list[dataclasses.Field[Any]]":
    """The settings that mean something to a run of this config."""
    if config.mode in REFERENCES:
        names = ["dataset", "source", "mode", "limit", "seed", "name"]
        if config.mode == "best-head":
            names += ["checkpoint", "max_length", "tail", "device", "precision"]
        return [setting for setting in fields(config) if setting.name in names]
    new = config.checkpoint == NEW_MODEL
    return [setting for setting in fields(config) if new or not setting.metadata["new_model"]]


def choices(setting: "dataclasses.Field[Any]") -> tuple[str, ...]:
    """The values that a setting admits, empty where it is open."""
    return get_args(setting.type) if get_origin(setting.type) is Literal else ()


def label(setting: "dataclasses.Field[Any]") -> str:
    """The setting's name for a person."""
    return setting.metadata["label"] or setting.name.replace("_", " ").capitalize()


def add_arguments(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    """One option for each setting but some; those not given are absent from the result."""
    for setting in fields(FineTuneConfig):
        if setting.name in without:
            continue
        option = "--" + setting.name.replace("_", "-")
        default = "" if setting.default in ("", MISSING) else f" (default {setting.default})"
        text = (setting.metadata["help"] + default).replace("%", "%%")
        if setting.type is bool:
            parser.add_argument(
                option, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            parser.add_argument(
                option, default=argparse.SUPPRESS, metavar=setting.name.upper(), help=text
            )
    parser.add_argument(
        "--self-training",
        "--unlabelled",
        action=_Removed,
        nargs="?",
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )


class _Removed(argparse.Action):
    """Refuses an option of an earlier version in one sentence, with exit status 2."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        parser.exit(2, "Self-training was removed (docs/decisions.md says why); leave it out.\n")


def _checked(setting: "dataclasses.Field[Any]", value: Any) -> Any:
    """`value` in the setting's type and range, or UnfreezeError."""
    said = validation.printable(_spelt(value))
    name, low, high = label(setting), setting.metadata["low"], setting.metadata["high"]
    if setting.name == "mode" and not (str(value) in MODES or last_groups(str(value))):
        raise UnfreezeError(f"Mode is {said}; choose one of {', '.join(MODES)}, last-2, last-3.")
    if allowed := choices(setting):
        if value not in allowed:
            raise UnfreezeError(f"{name} is {said}; choose one of {', '.join(allowed)}.")
        return value
    if setting.type is bool:
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise UnfreezeError(f"{name} is {said}; choose true or false.")
        return str(value).lower() in ("true", "1")
    if setting.type is str:
        text = str(value).strip()
        if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
            raise UnfreezeError(f"{name} is {said}; leave out what is no character.")
        return text
    try:
        number = setting.type(value)  # type: ignore[operator]
    except (TypeError, ValueError, OverflowError):
        kind = "whole number" if setting.type is int else "number"
        raise UnfreezeError(f"{name} is {said}; give a {kind}.") from None
    if not low <= number <= high:
        raise UnfreezeError(f"{name} is {said}; choose from {low:g} to {high:g}.")
    return number


def _spelt(value: Any) -> str:
    """As Python spells it, but for what has too many digits for that."""
    try:
        return repr(value)
    except ValueError:
        return "a number of thousands of digits"
