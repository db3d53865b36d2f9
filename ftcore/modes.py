"""The modes: their names and titles, and the defaults of the settings that depend on the mode."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from ftcore.models.encoder_spec import EncoderSpec

MODES = {  # mode → title; `last-2`, `last-3`, … train that many groups from the top
    "full": "Full",
    "last-layer": "Last layer",
    "gradual": "Gradual",
    "lora": "LoRA",
    "lp-ft": "LP-FT",
    "scratch": "From scratch",
    "custom": "Custom",
    "tfidf": "TF-IDF",
    "linear-probe": "Linear probe",
    "majority": "Majority class",
}
# Baselines that the other modes are compared with.
REFERENCES = ("tfidf", "linear-probe", "majority")
# Names of earlier versions, which are still accepted.
EARLIER_MODES = {"best-head": "linear-probe"}
_LAST_GROUPS = re.compile(r"last-([1-9]\d?)")


@dataclass(frozen=True)
class ModeDefaults:
    """The values of the settings whose default depends on the mode."""

    epochs: int = 3
    learning_rate: float = 1.5e-3
    layer_decay: float = 1.0
    batch_size: int = 64
    head_rate: float = 1.0
    embedding_rate: float = 0.3
    warm_up: float = 0.2
    tail_fraction: float = 0.6
    evaluations: int = 5


Recipe = Literal["lesson", "small encoder", "encoder", "electra"]
"""The kinds of models that take defaults of their own."""
SMALL = 512  # width below which an encoder is small

_LESSON = ModeDefaults()
_SMALL_ENCODER = ModeDefaults(  # measured with MiniLM, docs/accuracy.md
    learning_rate=1e-4,
    layer_decay=0.9,
    batch_size=32,
    head_rate=10.0,
    embedding_rate=1.0,
    warm_up=0.1,
    tail_fraction=0.75,  # a quarter from the start, as head and tail of Sun et al. 2019
    evaluations=0,  # one of 1,250 reviews takes as long as training on 400
)
# BERT base: 2e-5, a decay of 0.95 and 10% of warm-up (Sun et al. 2019); Mosbach et al. 2021 take 2e-5, too.
_ENCODER = replace(_SMALL_ENCODER, learning_rate=2e-5, layer_decay=0.95)
_ELECTRA = replace(_SMALL_ENCODER, layer_decay=0.8)  # its base size (Clark et al. 2020)


def _of_an_encoder(full: ModeDefaults, scratch: float) -> dict[str, ModeDefaults]:
    """The defaults of each mode, from those of `full` and the rate of random weights."""
    flat = replace(full, layer_decay=1.0, head_rate=1.0)
    rate = full.learning_rate
    return {
        "full": full,
        "last-layer": replace(flat, epochs=20, learning_rate=0.01, batch_size=128),
        "last-2": full,
        "gradual": replace(full, epochs=4),
        # Ten times the rate of all weights (Schulman 2025, "LoRA Without Regret"), also on the head.
        "lora": replace(flat, learning_rate=10 * rate),
        "lp-ft": replace(full, head_rate=1.0),  # the head is good already (Kumar et al. 2022)
        "scratch": replace(flat, learning_rate=scratch),
        "custom": full,
    }


DEFAULTS: dict[Recipe, dict[str, ModeDefaults]] = {
    "lesson": {
        "full": _LESSON,
        "last-layer": replace(_LESSON, epochs=20, learning_rate=0.05, batch_size=128),
        "last-2": _LESSON,
        # Layer decay 1 / 2.6 (Howard & Ruder 2018, ULMFiT).
        "gradual": replace(_LESSON, epochs=4, learning_rate=3e-3, layer_decay=0.385),
        "lp-ft": _LESSON,
        "scratch": _LESSON,
        "custom": _LESSON,
    },
    "small encoder": _of_an_encoder(_SMALL_ENCODER, scratch=3e-4),
    "encoder": _of_an_encoder(
        _ENCODER, scratch=1e-4
    ),  # BERT's own pretraining (Devlin et al. 2019)
    "electra": _of_an_encoder(_ELECTRA, scratch=1e-4),
}
"""The modes that train, with their defaults, by recipe; LoRA is for encoders."""
_NO_STEPS = ModeDefaults(epochs=0, learning_rate=0.0, layer_decay=0.0, batch_size=0)


def mode_title(mode: str) -> str:
    """Return the display name of a mode."""
    groups = last_groups(mode)
    return MODES.get(mode) or (f"Last {groups} groups" if groups else mode)


def recipe(encoder: EncoderSpec | None) -> Recipe:
    """Return the recipe of an encoder, or of the lesson's model (None)."""
    if encoder is None:
        return "lesson"
    if encoder.dim < SMALL:
        return "small encoder"
    return "electra" if encoder.family == "electra" else "encoder"


def mode_defaults(mode: str, recipe: Recipe = "lesson", limit: int = 0) -> ModeDefaults:
    """Return the defaults of a mode for so many training texts (0: all of the data).

    A reference takes no steps, so it has 0 of them.
    """
    defaults = DEFAULTS[recipe]
    if mode in REFERENCES:
        return replace(_NO_STEPS, tail_fraction=defaults["full"].tail_fraction)
    usual = defaults.get(mode, defaults["last-2"])
    if recipe != "lesson" and mode != "last-layer":
        passes = epochs_of_an_encoder(limit)
        return replace(usual, epochs=max(usual.epochs, passes) if mode == "gradual" else passes)
    return usual


def epochs_of_an_encoder(limit: int) -> int:
    """Return the passes in which the body of an encoder learns so many texts (0: all of the data).

    Few texts need more passes, up to 20 (Mosbach et al. 2021); 6,000 texts in all, and 2 passes at least.
    """
    return min(20, max(2, round(6_000 / limit))) if limit else 2


def last_groups(mode: str) -> int:
    """Return the number of groups that `last-K` trains, 0 for any other mode."""
    match = _LAST_GROUPS.fullmatch(mode)
    return int(match[1]) if match else 0
