import pytest
import torch
from torch.nn import functional as F

from ftcore.models import classifier
from ftcore.models.classifier import TextClassifier
from ftcore.models.spec import ModelSpec

SHAPE = ModelSpec(vocab_size=20, dim=8, classes=3, heads=2, layers=2, feedforward=16)


def model(dropout: float = 0.0) -> TextClassifier:
    torch.manual_seed(0)
    return TextClassifier(SHAPE, torch.randn(20, 8), dropout)


def test_padding_never_changes_the_answer() -> None:
    one = model().eval()
    short = torch.tensor([[4, 5, 6]])
    padded = torch.tensor([[4, 5, 6, 1, 1], [7, 8, 9, 10, 11]])
    alone = one(short, torch.tensor([3]))
    batched = one(padded, torch.tensor([3, 5]))
    assert torch.allclose(alone[0], batched[0], atol=1e-6)


def test_a_text_never_sees_the_others_of_its_batch() -> None:
    one = model().eval()
    lengths = torch.tensor([4, 4])
    first = one(torch.tensor([[4, 5, 6, 7], [8, 9, 10, 11]]), lengths)
    other = one(torch.tensor([[4, 5, 6, 7], [12, 13, 14, 15]]), lengths)
    assert torch.allclose(first[0], other[0], atol=1e-6)
    assert not torch.allclose(first[1], other[1], atol=1e-3)


def test_the_order_of_words_matters() -> None:
    one = model().eval()
    forward = one(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    backward = one(torch.tensor([[6, 5, 4]]), torch.tensor([3]))
    assert not torch.allclose(forward, backward, atol=1e-4)


def test_layers_start_out_different() -> None:
    first, second = model().transformer_encoder.layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_groups_name_every_weight_once_head_first() -> None:
    one = model()
    groups = one.layer_groups()
    counted = {group.name: sum(w.numel() for w in group.parameters()) for group in groups}
    assert counted == SHAPE.group_sizes()
    assert list(counted) == ["head", "layer 2", "layer 1", "word vectors"]
    assert sum(counted.values()) == sum(w.numel() for w in one.parameters()) == SHAPE.parameters


def test_bf16_gives_nearly_the_same_scores_with_padding() -> None:
    one = model().eval()
    ids, lengths = torch.randint(2, 20, (4, 9)), torch.tensor([9, 3, 5, 1])
    with torch.no_grad():
        exact = one(ids, lengths)
        with torch.autocast("cpu", torch.bfloat16):
            rough = one(ids, lengths).float()
    assert F.cosine_similarity(exact, rough).min() > 0.99


def test_attention_is_that_of_pytorch_however_it_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = model().eval()
    ids, lengths = torch.randint(2, 20, (4, 9)), torch.tensor([9, 3, 5, 1])
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
        2,
        enable_nested_tensor=False,
    ).eval()
    theirs.load_state_dict(ours.transformer_encoder.state_dict())
    exact = ours.features(ids, lengths)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        written_out = ours.features(ids, lengths).float()
        monkeypatch.setattr(classifier, "WRITTEN_OUT", 0)
        fused = ours.features(ids, lengths).float()
    ours.transformer_encoder = theirs
    expected = ours.features(ids, lengths)
    assert torch.allclose(exact, expected, atol=1e-5)
    assert torch.allclose(written_out, expected, atol=0.05)
    assert torch.allclose(fused, expected, atol=0.05)
    assert not torch.equal(written_out, fused)  # two ways, indeed


def test_dropout_drops_whole_features_of_a_text_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropout = classifier.TextDropout(0.25)
    x = torch.ones(400, 3, 10)
    dropped = dropout(x)
    assert torch.equal(dropped[:, 0], dropped[:, 1])
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.05)
    assert torch.equal(dropout.eval()(x), x)


def test_word_dropout_hides_words_in_training_only() -> None:
    torch.manual_seed(0)
    one = TextClassifier(SHAPE, torch.randn(20, 8), dropout=0.0, word_dropout=0.9)
    ids, lengths = torch.randint(2, 20, (4, 9)), torch.tensor([9, 9, 9, 9])
    assert not torch.allclose(one.train()(ids, lengths), one(ids, lengths))
    assert torch.equal(one.eval()(ids, lengths), one(ids, lengths))
