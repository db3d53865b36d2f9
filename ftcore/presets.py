"""The presets: values of settings that go together."""

from typing import Any

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

ENCODER_PRESETS: dict[str, dict[str, Any]] = {"Quick": {"max_length": 128}, "Best": {}}


def of_kind(encoder: bool) -> dict[str, dict[str, Any]]:
    """Return the presets of a kind of model; the lesson's values are for its own model."""
    return ENCODER_PRESETS if encoder else PRESETS
