"""The picture of the layer groups: which train, wait or are frozen in each mode."""

from typing import Any

from ftcore.config import FineTuneConfig
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.spec import LessonSpec
from pages.components.forms.layer_picture import blocks, shared_size

SPEC = LessonSpec(1000, 8, 2, layers=3)


def states(mode: str, epoch: int | None = None, **settings: Any) -> list[str]:
    """The state of each block, head first."""
    config = FineTuneConfig(mode=mode, **settings)
    return [block["state"] for block in blocks(config, SPEC, epoch)]


def test_blocks_are_the_layer_groups_with_their_sizes():
    drawn = blocks(FineTuneConfig(), SPEC)
    titles = ["New last layer", "Layer 3", "Layer 2", "Layer 1", "Word vectors"]
    assert [block["title"] for block in drawn] == titles
    assert {block["name"]: block["count"] for block in drawn} == SPEC.group_sizes()


def test_each_mode_trains_its_groups_and_freezes_the_rest():
    for mode, count in (("full", 5), ("last-layer", 1), ("last-2", 2), ("last-3", 3)):
        assert states(mode) == ["trains"] * count + ["frozen"] * (5 - count)
    assert states("full", train_embeddings=False) == ["trains"] * 4 + ["frozen"]
    expected = ["trains", "frozen", "frozen", "trains", "frozen"]
    assert states("custom", groups="head, layer 1") == expected
    assert states("custom", groups="layer 9") == ["frozen"] * 5
    assert [block["state"] for block in blocks(None, SPEC)] == ["frozen"] * 5


def test_lora_adapts_the_layers_of_an_encoder_and_of_no_other_model():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    sizes |= {"intermediate_size": 16, "vocab_size": 100}
    encoder = EncoderSpec("bert", sizes, 2, "mean", {"layer 1": 600, "embeddings": 800})
    drawn = blocks(FineTuneConfig(mode="lora", lora_rank=2), encoder)
    assert [block["state"] for block in drawn] == ["trains", "adapted", "frozen"]
    assert drawn[1]["note"] == f"LoRA {2 * (4 * 16 + 2 * 24)}" and drawn[1]["count"] == 600
    assert states("lora") == ["frozen"] * 5


def test_gradual_unfreezes_one_group_per_epoch():
    settings = {"train_embeddings": False, "epochs": 6}
    assert states("gradual", 0, **settings) == ["trains", "later", "later", "later", "frozen"]
    assert states("gradual", 2, **settings) == ["trains", "trains", "trains", "later", "frozen"]
    assert states("gradual", 5, **settings) == ["trains"] * 4 + ["frozen"]
    notes = [block["note"] for block in blocks(FineTuneConfig(mode="gradual", **settings), SPEC)]
    assert notes == ["trains", "from epoch 2", "from epoch 3", "from epoch 4", "frozen"]


def test_the_size_of_many_layers_is_a_caption():
    assert shared_size(SPEC) == ""
    deep = LessonSpec(1000, 8, 2, layers=12)
    assert shared_size(deep) == f"12 layers of {deep.group_sizes()['layer 3']:,} parameters each"
