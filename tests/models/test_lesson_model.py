"""The classifier: attention, padding, layer groups, dropout."""

import pytest
import torch
from torch.nn import functional as F

from ftcore.models import lesson_model
from ftcore.models.lesson_model import LessonClassifier
from ftcore.models.spec import LessonSpec

SPEC = LessonSpec(vocab_size=20, dim=8, classes=3, heads=2, layers=2, feedforward=16)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LessonClassifier(SPEC, torch.randn(20, 8), dropout=0.0).eval()


def test_scores_depend_on_the_order_of_words_alone_not_on_padding_or_other_texts(model):
    alone = model(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    for other in ([7, 8, 9, 10, 11], [15, 14, 13, 12, 11]):
        batch = model(torch.tensor([[4, 5, 6, 1, 1], other]), torch.tensor([3, 5]))
        assert torch.allclose(alone[0], batch[0], atol=1e-6)
    assert not torch.allclose(alone, model(torch.tensor([[6, 5, 4]]), torch.tensor([3])), atol=1e-4)


def test_layer_groups_hold_every_weight_once_and_layers_differ(model):
    sizes = {g.name: sum(w.numel() for w in g.parameters) for g in model.layer_groups()}
    first, second = model.transformer_encoder.layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)
    assert sizes == SPEC.group_sizes()
    assert list(sizes) == ["head", "layer 2", "layer 1", "word vectors"]
    assert sum(sizes.values()) == sum(w.numel() for w in model.parameters()) == SPEC.parameters


def test_both_ways_to_compute_attention_equal_pytorchs(model, monkeypatch):
    ids, lengths = torch.randint(2, 20, (4, 9)), torch.tensor([9, 3, 5, 1])
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
    reference = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    reference.load_state_dict(model.transformer_encoder.state_dict())
    exact = model.features(ids, lengths)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        explicit = model.features(ids, lengths).float()
        monkeypatch.setattr(lesson_model, "WRITTEN_OUT", 0)
        fused = model.features(ids, lengths).float()
    model.transformer_encoder = reference
    expected = model.features(ids, lengths)
    assert torch.allclose(exact, expected, atol=1e-5)
    for features in (explicit, fused):
        assert torch.allclose(features, expected, atol=0.05)
        assert F.cosine_similarity(features, expected).min() > 0.99
    assert not torch.equal(explicit, fused), "only one way was taken"


def test_dropout_drops_features_of_whole_texts_and_words_in_training_only(model):
    model.word_dropout = 0.9
    ids, lengths = torch.randint(2, 20, (4, 9)), torch.tensor([9, 9, 9, 9])
    assert not torch.allclose(model.train()(ids, lengths), model(ids, lengths))
    assert torch.equal(model.eval()(ids, lengths), model(ids, lengths))
    dropout = lesson_model.TextDropout(0.25)
    x = torch.ones(400, 3, 10)
    dropped = dropout(x)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.05)
    assert torch.equal(dropout.eval()(x), x)
