import pytest

from ftcore import strategies
from ftcore.config import FineTuneConfig
from ftcore.models import TextClassifier
from ftcore.shape import ModelShape

SHAPE = ModelShape(vocab_size=1000, dim=8, classes=2, layers=2, feedforward=16)


@pytest.mark.parametrize(
    ("config", "trained"),
    [
        (FineTuneConfig(mode="last-layer"), {"head"}),
        (FineTuneConfig(mode="full"), {"head", "layer 1", "layer 2"}),
        (FineTuneConfig(mode="scratch"), {"head", "layer 1", "layer 2"}),
        (
            FineTuneConfig(mode="full", train_embeddings=True),
            {"head", "layer 1", "layer 2", "word vectors"},
        ),
    ],
)
def test_just_the_groups_of_the_mode_train(config: FineTuneConfig, trained: set[str]) -> None:
    model = TextClassifier(SHAPE)
    weights = strategies.freeze(model, config)
    open_groups = {
        group.name
        for group in model.layer_groups()
        if all(w.requires_grad for w in group.parameters())
    }
    shut = {
        group.name
        for group in model.layer_groups()
        if not any(w.requires_grad for w in group.parameters())
    }
    assert open_groups == trained
    assert open_groups | shut == set(SHAPE.group_sizes())
    count = sum(weight.numel() for weight in weights)
    assert count == strategies.trainable_parameters(config, SHAPE)
    assert f"{count:,} of {SHAPE.parameters:,}" in strategies.describe(config, SHAPE)


def test_the_line_says_what_is_frozen() -> None:
    line = strategies.describe(FineTuneConfig(mode="last-layer"), SHAPE)
    assert line == (
        "Trains 18 of 9,218 parameters (0.20%): head. Frozen: layer 2, layer 1 and word vectors."
    )


def test_the_line_says_what_starts_random() -> None:
    line = strategies.describe(FineTuneConfig(mode="scratch"), SHAPE)
    assert line.endswith("Frozen: word vectors. Everything but the word vectors starts random.")
