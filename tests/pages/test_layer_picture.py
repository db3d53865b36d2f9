"""The picture of the model: what trains, what waits, what is frozen, in every mode."""

import pytest

from ftcore.config import FineTuneConfig
from ftcore.models.spec import ModelSpec
from pages.components.charts.palette import MODELS
from pages.components.forms.layer_picture import DARK, LIGHT, blocks, text_on

SHAPE = ModelSpec(1000, 8, 2, layers=3)


def states(mode: str, epoch: int | None = None, **settings: object) -> list[str]:
    """Of each block, head first."""
    return [one["state"] for one in blocks(FineTuneConfig(mode=mode, **settings), SHAPE, epoch)]  # type: ignore[arg-type]


def test_blocks_are_the_groups_of_the_model_with_their_sizes() -> None:
    found = blocks(FineTuneConfig(), SHAPE)
    assert [one["title"] for one in found] == [
        "New last layer",
        "Layer 3",
        "Layer 2",
        "Layer 1",
        "Word vectors",
    ]
    assert {one["name"]: one["count"] for one in found} == SHAPE.group_sizes()


@pytest.mark.parametrize(
    ("mode", "settings", "count"),
    [
        ("full", {"train_embeddings": False}, 4),
        ("full", {"train_embeddings": True}, 5),
        ("last-layer", {}, 1),
        ("last-2", {}, 2),
        ("last-3", {}, 3),
    ],
)
def test_what_trains_stands_above_what_is_frozen(mode: str, settings: dict, count: int) -> None:
    assert states(mode, **settings) == ["trains"] * count + ["frozen"] * (5 - count)


def test_custom_is_any_set_and_may_be_empty_or_of_another_model() -> None:
    assert states("custom", groups="head, layer 1") == [
        "trains",
        "frozen",
        "frozen",
        "trains",
        "frozen",
    ]
    assert states("custom", groups="layer 9") == ["frozen"] * 5
    assert [one["state"] for one in blocks(None, SHAPE)] == ["frozen"] * 5


def test_gradual_thaws_a_group_an_epoch() -> None:
    plan = {"train_embeddings": False, "epochs": 6}
    assert states("gradual", 0, **plan) == ["trains", "later", "later", "later", "frozen"]
    assert states("gradual", 2, **plan) == ["trains", "trains", "trains", "later", "frozen"]
    assert states("gradual", 5, **plan) == ["trains"] * 4 + ["frozen"]
    notes = [one["note"] for one in blocks(FineTuneConfig(mode="gradual", **plan), SHAPE)]  # type: ignore[arg-type]
    assert notes == ["trains", "from epoch 2", "from epoch 3", "from epoch 4", "frozen"]


@pytest.mark.parametrize("colour", sorted(set(MODELS.values())))
def test_words_on_a_modes_colour_are_legible(colour: str) -> None:
    def bright(one: str) -> float:
        parts = [int(one[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    chosen = text_on(colour)
    low, high = sorted((bright(colour), bright(chosen)))
    assert chosen in (DARK, LIGHT) and (high + 0.05) / (low + 0.05) >= 4.5
