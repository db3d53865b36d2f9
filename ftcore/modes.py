"""The modes: their names and titles, and the defaults of the settings that depend on the mode."""

import re
from dataclasses import dataclass, replace

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


MODE_DEFAULTS: dict[str, ModeDefaults] = {
    "full": ModeDefaults(),
    "last-layer": ModeDefaults(epochs=20, learning_rate=0.05, batch_size=128),
    "last-2": ModeDefaults(),
    # Layer decay 1 / 2.6 (Howard & Ruder 2018, ULMFiT).
    "gradual": ModeDefaults(epochs=4, learning_rate=3e-3, layer_decay=0.385),
    "lp-ft": ModeDefaults(),
    "scratch": ModeDefaults(),
    "custom": ModeDefaults(),
}
_ENCODER = ModeDefaults(
    learning_rate=1e-4,
    layer_decay=0.9,
    batch_size=32,
    head_rate=10.0,
    embedding_rate=1.0,
    warm_up=0.1,
    tail_fraction=0.75,
    evaluations=0,  # one of 1,250 reviews takes as long as training on 400
)
# The rates are the starting points that issue trackers and papers agree on; they are not tuned.
ENCODER_DEFAULTS: dict[str, ModeDefaults] = {
    "full": _ENCODER,
    "last-layer": replace(
        _ENCODER, epochs=20, learning_rate=0.01, batch_size=128, head_rate=1.0, layer_decay=1.0
    ),
    "last-2": _ENCODER,
    "gradual": replace(_ENCODER, epochs=4),
    # Ten times the rate of all weights (Schulman 2025, "LoRA Without Regret"), also on the head.
    "lora": replace(_ENCODER, learning_rate=1e-3, layer_decay=1.0, head_rate=1.0),
    "lp-ft": replace(_ENCODER, head_rate=1.0),  # the head is good already
    "scratch": replace(_ENCODER, learning_rate=3e-4, layer_decay=1.0, head_rate=1.0),
    "custom": _ENCODER,
}
_NO_STEPS = ModeDefaults(epochs=0, learning_rate=0.0, layer_decay=0.0, batch_size=0)


def mode_title(mode: str) -> str:
    """Return the display name of a mode."""
    groups = last_groups(mode)
    return MODES.get(mode) or (f"Last {groups} groups" if groups else mode)


def of_kind(encoder: bool) -> dict[str, ModeDefaults]:
    """Return the modes that train a kind of model, with their defaults; LoRA is for encoders."""
    return ENCODER_DEFAULTS if encoder else MODE_DEFAULTS


def mode_defaults(mode: str, encoder: bool = False, limit: int = 0) -> ModeDefaults:
    """Return the defaults of a mode for so many training texts (0: all of the data).

    A reference takes no steps, so it has 0 of them.
    """
    defaults = of_kind(encoder)
    if mode in REFERENCES:
        return replace(_NO_STEPS, tail_fraction=defaults["full"].tail_fraction)
    usual = defaults.get(mode, defaults["last-2"])
    if encoder and mode != "last-layer":
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
