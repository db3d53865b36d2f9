"""LoRA adapters on encoders of every family: what trains, how much it is, and what it is merged to."""

import copy

import pytest
import torch
import torch.nn.functional as F

from ftcore.config import FineTuneConfig
from ftcore.models.encoder import EncoderClassifier
from ftcore.models.encoder_spec import EncoderSpec, body_sizes
from ftcore.models.families import FAMILIES
from ftcore.training import optimization, strategies
from tests.helpers import small_encoders

pytestmark = pytest.mark.slow  # transformers and peft take seconds to import

CONFIG = FineTuneConfig(mode="lora", lora_rank=4, learning_rate=0.05)
_OWN_POSITIONS = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
VARIANTS = [(family, {}) for family in FAMILIES] + [
    ("albert", {"num_hidden_groups": 2, "inner_group_num": 2}),
    ("deberta-v2", _OWN_POSITIONS),
    ("deberta-v2", _OWN_POSITIONS | {"share_att_key": True}),
]


def start(family, more):
    """A model with a head for three classes, in eval mode."""
    values = small_encoders.config_values(family) | more
    shapes = {
        name: weight.shape
        for name, weight in small_encoders.hf_model(family, **more).named_parameters()
    }
    model = EncoderClassifier(EncoderSpec(family, values, 0, "mean", body_sizes(family, shapes)))
    model.replace_head(3, "first")
    return model.eval()


def train_a_step(model, ids, lengths):
    strategies.freeze(model, CONFIG)
    optimizer = optimization.make_optimizer(CONFIG, model)
    for _ in range(2):  # in the first step, half of the matrices have no gradient yet
        optimizer.zero_grad()
        F.cross_entropy(model.train()(ids, lengths), torch.tensor([0, 1])).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(("family", "more"), VARIANTS)
def test_only_adapters_and_head_train_and_are_merged_to_a_plain_model(family, more):
    torch.manual_seed(0)
    plain = start(family, more)
    ids, lengths = torch.randint(5, 100, (2, 20)), torch.tensor([20, 7])
    model = strategies.model_to_train(CONFIG, plain)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    with torch.no_grad():
        assert model.eval()(ids, lengths).equal(plain(ids, lengths)), "it starts from the same"
    train_a_step(model, ids, lengths)

    linear = {
        name
        for name, module in plain.body.get_submodule(FAMILIES[family].layers).named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    moved = {name for name, w in model.named_parameters() if not w.equal(before[name])}
    trained = {name for name, w in model.named_parameters() if w.requires_grad}
    prefix = f"body.{FAMILIES[family].layers}"
    adapters = {f"{prefix}.{n}.lora_{m}.default.weight" for n in linear for m in "AB"}
    head = {f"classifier.{name}" for name, _ in plain.classifier.named_parameters()}
    assert moved == trained == adapters | head == strategies.trained_weights(model, CONFIG).keys()
    count = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert count == strategies.trainable_parameters(CONFIG, plain.spec)

    with torch.no_grad():
        answers = model(ids, lengths)
        merged = copy.deepcopy(plain)
        merged.load_state_dict(model.weights())
        torch.testing.assert_close(merged(ids, lengths), answers, atol=1e-5, rtol=0)
        assert not answers.allclose(plain(ids, lengths), atol=1e-2)
        assert model(ids, lengths).equal(answers), "merging touches nothing that trains"
