"""The settings of a run: one frozen record that draws the form, gives the options and is stored."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ftcore import class_weights, earlier_settings, modes, settings, validation
from ftcore.errors import UnfreezeError, UsageError
from ftcore.models import checkpoints
from ftcore.models.encoder_spec import EncoderSpec, Pooling
from ftcore.modes import (
    EARLIER_MODES,
    MODES,
    REFERENCES,
    Recipe,
    last_groups,
    mode_defaults,
    mode_title,
)
from ftcore.settings import Setting, setting
from ftcore.text.truncation import MAX_LENGTH, Truncation

SHOWN = ("checkpoint", "dataset", "mode", "epochs", "learning_rate", "limit")  # not folded away
NEW_MODEL_SETTINGS = ("vectors", "words", "heads", "layers", "feedforward")
# How a run is executed, not what it computes.
EXECUTION = ("threads", "gpu_share", "devices", "priority")
MAX_EPOCHS = 1000
SHORTEST = 8  # least number of tokens of a text that a model is trained on
NEW_MODEL = "new"  # in place of a checkpoint: random layers over word vectors, that is, pretraining


def encoder_spec(checkpoint: str) -> EncoderSpec | None:
    """Return the sizes of a checkpoint that is an encoder, otherwise None."""
    try:
        spec = checkpoints.find(checkpoint).model
    except UnfreezeError:
        return None
    return spec if isinstance(spec, EncoderSpec) else None


def generated_name(modes: Iterable[str], dataset: str, detail: str) -> str:
    """Return the name of a run or an experiment without one: Full, Last layer · sample · seed 0."""
    titles = dict.fromkeys(mode_title(mode) for mode in modes)
    return f"{', '.join(titles)} · {dataset} · {detail}"


@dataclass(frozen=True)
class FineTuneConfig:
    """All settings that decide a run's outcome. Raises UsageError if a value is out of range.

    Values are converted to the field's type. Settings left at None take the mode's default at once, so
    the stored record always holds the values that were used.
    """

    checkpoint: str = setting("starter", "Pretrained model to start from: name, run id, or 'new'.")
    dataset: str = setting(
        "sample",
        "The task: sample, imdb, ag_news, or the name of your own data (`data list`), NAME@3 for version 3.",
    )
    source: str = setting(
        "",
        "Folder or archive (tar, tar.gz, bz2, xz, zip) with the data, in UTF-8, UTF-16, UTF-32 or "
        "windows-1252 (default: download it).",
    )
    mode: str = setting(
        "full",
        "What trains: full (all layers), last-layer (the new head only), last-2, last-3, … (that many "
        "groups from the top), gradual (from the top down, one more group each epoch), lora (small "
        "matrices beside the layers of an encoder), lp-ft (the best last layer on the frozen body first, "
        "then all layers), custom (the given groups), scratch (all layers, from random weights); or a "
        "reference: tfidf, majority (no network) or linear-probe (the best last layer on the frozen body).",
    )
    groups: str = setting(
        "",
        "Groups of mode custom: head, layer 2, layer 1, word vectors.",
        label="Groups that train",
    )
    lora_rank: int = setting(
        8, "Rank of the matrices that mode lora trains.", 1, 256, label="LoRA rank"
    )
    epochs: int = setting(
        None, "Passes over the training texts (default: the mode's).", 1, MAX_EPOCHS
    )
    minutes: float = setting(
        0.0,
        "Minutes of training and validations, in place of epochs: the pace is measured first, which "
        "fixes the number of steps; 0: all epochs.",
        0.0,
        10_080.0,
        label="Minutes of training",
    )
    steps: int = setting(
        0,
        "Steps of the run, in place of epochs; the last epoch may end early; 0: all epochs.",
        0,
        10_000_000,
    )
    learning_rate: float = setting(None, "Highest learning rate (default: the mode's).", 1e-9, 1e6)
    layer_decay: float = setting(
        None,
        "Rate of each group as a fraction of the group above (default: the mode's).",
        1e-9,
        1.0,
    )
    limit: int = setting(
        0,
        "Training texts to use, drawn by seed; 0 uses all.",
        0,
        10_000_000,
        label="Training texts",
    )
    test_limit: int = setting(
        0,
        "Test texts to use, drawn once and the same for every run; 0 uses all.",
        0,
        10_000_000,
        label="Test texts",
    )
    batch_size: int = setting(None, "Texts per step (default: the mode's).", 1, 4096)
    class_weights: str = setting(
        "",
        "How much a text of each class counts in the loss: balanced (each class alike), or label=weight "
        "for some classes, separated by commas (default: every text alike).",
    )
    pooling: Literal["auto", "mean", "first"] = setting(
        "auto",
        "What an encoder's head reads of a text: the mean over its tokens, or its first token. auto: "
        "what the checkpoint's head reads, otherwise the mean.",
    )
    head_rate: float = setting(
        None, "Learning rate of the head as a multiple (default: the mode's).", 1e-3, 1e3
    )
    warm_up: float = setting(
        None, "Fraction of the steps in which the rate rises (default: the mode's).", 0.0, 0.9
    )
    optimizer: Literal["adamw", "sgd"] = setting("adamw", "The optimizer.")
    schedule: Literal["one-cycle", "constant"] = setting(
        "one-cycle", "The learning rate over time: warm-up and decay, or constant."
    )
    weight_decay: float = setting(0.01, "Weight decay.", 0.0, 10.0)
    max_grad_norm: float = setting(
        1.0, "Largest gradient norm; 0 turns clipping off.", 0.0, 1e6, label="Gradient clipping"
    )
    dropout: float = setting(0.0, "Dropout rate in the body while it trains.", 0.0, 0.9)
    word_dropout: float = setting(0.3, "Fraction of words hidden while the body trains.", 0.0, 0.9)
    train_embeddings: bool = setting(
        True,
        "Also train the word vectors, most of the parameters, if all layers train.",
        label="Train word vectors",
    )
    embedding_rate: float = setting(
        None,
        "Learning rate of trained word vectors as a fraction of the body's (default: the mode's).",
        0.0,
        10.0,
        label="Word vectors' rate",
    )
    max_length: int = setting(
        256,
        "Tokens read of each text; the rest is cut.",
        SHORTEST,
        MAX_LENGTH,
        label="Longest text",
    )
    epoch_lengths: str = setting(
        "",
        "Longest text in each epoch of training, such as 64,128,256; the last one holds for the rest "
        "(default: the longest text in all).",
        label="Longest text by epoch",
    )
    read_length: int = setting(
        0,
        "Tokens read of each text when the model answers: in validation, test and predictions; 0: the "
        "longest text.",
        0,
        MAX_LENGTH,
        label="Longest text in answers",
    )
    tail_fraction: float = setting(
        None,
        "Fraction of them taken from the end of a longer text; 0: its start only (default: the mode's).",
        0.0,
        1.0,
        label="Fraction from the end",
    )
    evaluations: int = setting(
        None,
        "Validations per epoch, after one before training; 0: as many as take a quarter of the training's "
        "time, at least 4 in a run and at most 5 per epoch (default: the mode's).",
        0,
        100,
    )
    best_by: Literal["auto", "accuracy", "macro-f1", "loss"] = setting(
        "auto",
        "Measure on the validation texts by which the best model is kept. auto: macro F1 if a class has "
        "less than a tenth of the training texts, or a text may have several labels; otherwise accuracy.",
        label="Best model by",
    )
    seed: int = setting(0, "Seed of the split, the order and new weights.", 0, 2**31 - 1)
    device: str = setting("auto", "auto (a GPU if there is one), cpu, cuda, mps or xpu.")
    threads: int = setting(
        0, "CPU threads that compute; 0: the worker's choice (here all cores, with Ray 2).", 0, 1024
    )
    gpu_share: float = setting(
        1.0,
        "Part of a GPU that a run on Ray reserves, and of its memory: with 0.25, four share one.",
        0.01,
        1.0,
        label="Share of a GPU",
    )
    devices: int = setting(
        1,
        "Devices of this machine that compute the run together: GPUs, or on a CPU processes that share "
        "its cores. Each takes its part of every batch; the result is that of one, up to rounding.",
        1,
        64,
    )
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", "Number format of matrix products; auto takes bf16 if the device supports it."
    )
    source_task_data: str = setting(
        "",
        "Data of the checkpoint's own task, to measure forgetting (default: its download).",
        label="Data of the checkpoint's own task",
    )
    watch: str = setting(
        "", "Sentences, one a line, that each validation classifies.", label="Watched sentences"
    )
    keep_model: bool = setting(
        True,
        "Keep the best model of a finished run, and look into it; figures and answers stay in any case.",
        label="Keep the model",
    )
    priority: Literal["low", "normal", "high"] = setting(
        "normal",
        "Order among your own waiting runs; whose turn it is does not depend on it.",
    )
    name: str = setting("", "Name of the run (default: generated).")
    vectors: str = setting(
        "",
        "Text file of word vectors in the form of GloVe, fastText or word2vec; may be gz, bz2, xz or the "
        "only one in a zip (default: download GloVe 6B 100d).",
        label="Word vectors",
    )
    words: int = setting(40_000, "Vocabulary size: the most frequent words.", 100, 2_000_000)
    heads: int = setting(2, "Attention heads.", 1, 64)
    layers: int = setting(2, "Transformer layers.", 1, 24)
    feedforward: int = setting(
        128, "Width of the feed-forward part of a layer.", 1, 16_384, label="Feed-forward size"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", _current_mode(self.mode))
        if self.mode in REFERENCES and self.mode != "linear-probe":
            object.__setattr__(self, "checkpoint", "")
        spec = encoder_spec(str(self.checkpoint)) if self.encoder else None
        object.__setattr__(self, "pooling", self._checked_pooling(spec))
        limit = settings.checked(SETTINGS["limit"], self.limit)
        defaults = vars(mode_defaults(self.mode, modes.recipe(spec), limit))
        for name, each in SETTINGS.items():
            if name == "pooling":
                continue
            value = getattr(self, name)
            if name in defaults and value in (None, defaults[name]):
                value = defaults[name]  # a reference's are 0, which is out of range
            else:
                value = settings.checked(each, value)
            object.__setattr__(self, name, value)
        if 0 < self.read_length < SHORTEST:
            raise UsageError(
                f"{settings.label(SETTINGS['read_length'])} is {self.read_length}; choose 0, or "
                f"{SHORTEST} or more."
            )
        object.__setattr__(self, "epoch_lengths", _checked_lengths(self.epoch_lengths))
        object.__setattr__(self, "class_weights", class_weights.checked(self.class_weights))
        if self.mode == "linear-probe" and self.checkpoint in ("", NEW_MODEL):
            raise UsageError("A linear probe needs a pretrained body: choose a checkpoint.")
        if self.mode == "custom" and not self.groups:
            raise UsageError("A custom run needs a group that trains, such as head.")
        if self.mode not in ("full", *REFERENCES) and self.checkpoint == NEW_MODEL:
            raise UsageError("A new model has random layers, so train all of it: mode full.")

    @property
    def encoder(self) -> bool:
        """Whether the checkpoint is an encoder."""
        return str(self.pooling) != ""  # "" stands for another model in the record

    @property
    def recipe(self) -> Recipe:
        """The kind of model that decides the defaults."""
        return modes.recipe(encoder_spec(self.checkpoint) if self.encoder else None)

    def _checked_pooling(self, spec: EncoderSpec | None) -> str:
        """What the head of an encoder reads; empty for a model that is none."""
        if not self.encoder:
            return ""
        pooling = settings.checked(SETTINGS["pooling"], self.pooling)
        return spec.with_head(spec.classes, pooling).pooling if spec else ""

    @property
    def head_pooling(self) -> Pooling:
        """What a new head reads of a text."""
        return "first" if self.pooling == "first" else "mean"

    @property
    def budgeted(self) -> bool:
        """Whether the number of steps is still to be found, from the minutes."""
        return self.minutes > 0 and not self.steps and self.mode not in REFERENCES

    def with_steps(self, steps: int, per_epoch: int) -> "FineTuneConfig":
        """These settings with a number of steps, and as many epochs as they need. Raises UsageError."""
        return replace(self, steps=steps, epochs=math.ceil(steps / per_epoch))

    @property
    def chosen_groups(self) -> set[str]:
        """The groups of mode custom."""
        return {name.strip().lower() for name in self.groups.split(",") if name.strip()}

    @property
    def head_alone(self) -> bool:
        """Whether nothing but the head trains, as far as the settings tell without the model."""
        return (
            self.mode in ("last-layer", "linear-probe")
            or (self.mode == "custom" and self.chosen_groups == {"head"})
            or (self.mode == "gradual" and self.epochs == 1 and not self.budgeted)
        )

    @property
    def truncation(self) -> Truncation:
        """Which tokens of a text the model reads in training, unless `epoch_lengths` says otherwise."""
        return Truncation(self.max_length, self.tail_fraction)

    @property
    def training_truncations(self) -> list[Truncation]:
        """Which tokens of a text the model reads in each epoch of training; the last holds for the rest."""
        if not self.epoch_lengths or self.head_alone:
            return [self.truncation]
        lengths = map(int, self.epoch_lengths.split(","))
        return [replace(self.truncation, length=length) for length in lengths]

    def truncation_in(self, epoch: int) -> Truncation:
        """Which tokens of a text the model reads in an epoch of training, counted from 0."""
        truncations = self.training_truncations
        return truncations[min(epoch, len(truncations) - 1)]

    @property
    def reading(self) -> Truncation:
        """Which tokens of a text the model reads when it answers."""
        return replace(self.truncation, length=self.read_length or self.max_length)

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
        values = earlier_settings.current_names(values)
        if unknown := sorted(values.keys() - SETTINGS.keys()):
            raise UsageError(f"Unknown setting: {validation.printable(', '.join(unknown))}.")
        return cls(**values)

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> "FineTuneConfig":
        """Build a config from a stored record; settings that no longer exist are ignored.

        In records of earlier versions, 0 stands for the mode's default.
        """
        values = earlier_settings.of_record(values)
        return cls(**{name: value for name, value in values.items() if name in SETTINGS})


SETTINGS: dict[str, Setting] = {each.name: each for each in fields(FineTuneConfig)}


def _checked_lengths(text: str) -> str:
    """Return lengths by commas, without spaces. Raises UsageError if one is out of range."""
    lengths = [length.strip() for length in text.split(",")] if text else []
    for length in lengths:
        if not (length.isascii() and length.isdecimal() and len(length) < 6) or not (
            SHORTEST <= int(length) <= MAX_LENGTH
        ):
            raise UsageError(
                f"Longest text by epoch has {validation.printable(repr(length))}; give lengths from "
                f"{SHORTEST} to {MAX_LENGTH}, separated by commas."
            )
    return ",".join(str(int(length)) for length in lengths)


def _current_mode(mode: Any) -> str:
    """Return a mode by its current name. Raises UsageError if there is none."""
    name = EARLIER_MODES.get(str(mode), str(mode))
    if groups := last_groups(name):
        return "last-layer" if groups == 1 else name
    return settings.chosen(SETTINGS["mode"], name, (*MODES, "last-2", "last-3"))
