"""The presets: values of settings that go together."""

from typing import Any

from ftcore.config import SETTINGS
from ftcore.models.encoder_spec import EncoderSpec

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

# An encoder may read more in answers than in training, which costs little there.
ENCODER_PRESETS: dict[str, dict[str, Any]] = {
    "Quick": {"max_length": 128, "read_length": 256, "steps": 352},
    "Best": {"read_length": 512},
}
IN_EPOCHS = ("last-layer", "gradual")  # their passes are quick, or decide what trains


def of_kind(encoder: bool) -> dict[str, dict[str, Any]]:
    """Return the presets of a kind of model; the lesson's values are for its own model."""
    return ENCODER_PRESETS if encoder else PRESETS


def values(name: str, mode: str, encoder: EncoderSpec | None) -> dict[str, Any]:
    """Return what a preset sets in a mode, for an encoder or the lesson's model (None).

    No encoder is made to read more tokens than it can.
    """
    chosen = dict(of_kind(encoder is not None)[name])
    if encoder is None:
        return chosen
    if mode in IN_EPOCHS:
        chosen.pop("steps", None)
    defaults: dict[str, Any] = {
        name: SETTINGS[name].default for name in ("max_length", "read_length")
    }
    lengths = {name: chosen.get(name, length) for name, length in defaults.items()}
    too_long = (name for name, length in lengths.items() if length > encoder.max_length)
    return chosen | dict.fromkeys(too_long, encoder.max_length)
