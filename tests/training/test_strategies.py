"""Which layer groups train, at which rates, and the sentences that say so."""

import pytest

from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.lesson_model import LessonClassifier
from ftcore.models.spec import LessonSpec
from ftcore.training import strategies

SPEC = LessonSpec(vocab_size=1000, dim=8, classes=2, layers=2, feedforward=16)
ENCODER_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ENCODER_SIZES |= {"intermediate_size": 64, "vocab_size": 100}
BODY = {"layer 2": 8_544, "layer 1": 8_544, "embeddings": 5_376}
ENCODER = EncoderSpec("bert", ENCODER_SIZES, 2, "mean", BODY)
EVERYTHING = {"head", "layer 1", "layer 2", "word vectors"}


@pytest.mark.parametrize(
    ("settings", "trained"),
    [
        ({"mode": "last-layer"}, {"head"}),
        ({"mode": "full"}, EVERYTHING),
        ({"mode": "full", "train_embeddings": False}, {"head", "layer 1", "layer 2"}),
        ({"mode": "scratch"}, EVERYTHING),
        ({"mode": "lp-ft"}, EVERYTHING),
        ({"mode": "gradual", "epochs": 4}, EVERYTHING),
        ({"mode": "gradual", "epochs": 2}, {"head", "layer 2"}),
        ({"mode": "last-2"}, {"head", "layer 2"}),
        ({"mode": "last-4"}, EVERYTHING),
        ({"mode": "custom", "groups": "layer 1, Head"}, {"head", "layer 1"}),
    ],
)
def test_only_the_groups_of_the_mode_train(settings, trained):
    config, model = FineTuneConfig(**settings), LessonClassifier(SPEC)
    strategies.freeze(model, config)
    for group in model.layer_groups():
        states = {weight.requires_grad for weight in group.parameters}
        assert states == {group.name in trained}, group.name
    count = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert count == strategies.trainable_parameters(config, SPEC)
    assert f"{count:,} of {SPEC.parameters:,}" in strategies.describe(config, SPEC)


def test_the_description_says_what_is_frozen_and_what_starts_random():
    line = strategies.describe(FineTuneConfig(mode="last-layer"), SPEC)
    assert line == (
        "Trains 18 of 9,218 parameters (0.20%): head. Frozen: layer 2, layer 1 and word vectors."
    )
    line = strategies.describe(FineTuneConfig(mode="scratch"), SPEC)
    assert line.endswith("Nothing is frozen. Everything but the word vectors starts random.")
    line = strategies.describe(FineTuneConfig(mode="lp-ft"), SPEC)
    assert line.startswith("First fits the last layer to the frozen body, then trains 9,218 of")


def test_lora_adds_matrices_of_its_rank_to_the_linear_layers_of_an_encoder():
    config = FineTuneConfig(mode="lora", lora_rank=4)
    line = strategies.describe(config, ENCODER)
    count = 66 + 2 * 4 * (4 * (32 + 32) + 2 * (32 + 64))
    assert line == (
        f"Trains {count:,} of 22,530 parameters (16.2%): head, and LoRA of rank 4 on layer 2 and layer 1. "
        "Frozen: all other weights."
    )
    with pytest.raises(UnfreezeError, match="LoRA is for encoders: choose mode full"):
        strategies.describe(config, SPEC)


def test_gradual_opens_a_group_an_epoch_from_the_top():
    config = FineTuneConfig(mode="gradual", epochs=5, train_embeddings=False)
    opened = [strategies.trained_groups(config, SPEC, epoch) for epoch in range(5)]
    assert opened[0] == {"head"}
    assert opened[1] == {"head", "layer 2"}
    assert opened[2] == opened[4] == {"head", "layer 2", "layer 1"}
    rates = strategies.learning_rates(config, SPEC)
    assert rates["layer 2"] == pytest.approx(rates["head"] / 2.6, rel=0.01)
    assert rates["layer 1"] == pytest.approx(rates["layer 2"] / 2.6, rel=0.01)


def test_word_vectors_that_train_have_a_rate_of_their_own():
    config = FineTuneConfig(learning_rate=0.01, embedding_rate=0.1)
    rates = strategies.learning_rates(config, SPEC)
    assert rates["head"] == rates["layer 1"] == 0.01
    assert rates["word vectors"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    "config", [FineTuneConfig(mode="last-5"), FineTuneConfig(mode="custom", groups="head, layer 7")]
)
def test_groups_that_the_model_does_not_have_are_refused(config):
    with pytest.raises(UnfreezeError, match="This model has"):
        strategies.describe(config, SPEC)
