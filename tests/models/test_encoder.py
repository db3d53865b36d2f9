"""Encoders of transformers in the form of the lesson's classifier, for every family."""

import pytest
import torch

from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.models.encoder import EncoderClassifier, unfilled
from ftcore.models.encoder_spec import EncoderSpec, body_sizes
from ftcore.models.families import FAMILIES
from tests.helpers import small_encoders

pytestmark = pytest.mark.slow  # transformers takes seconds to import
families = pytest.mark.parametrize("family", FAMILIES)


@families
@pytest.mark.parametrize("classes", [0, 3])
def test_a_folder_opens_with_the_answers_of_the_familys_own_class(tmp_path, family, classes):
    folder = huggingface.inspect(small_encoders.write_folder(tmp_path / family, family, classes))
    model = drain(huggingface.load(folder))
    assert len(folder.labels) == classes
    original = small_encoders.hf_model(family, classes or 2)
    ids = torch.randint(5, 100, (3, folder.spec.max_length))
    lengths = torch.tensor([folder.spec.max_length, 11, 5])
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    ids = ids.masked_fill(~mask, folder.spec.config["pad_token_id"])
    with torch.no_grad():
        outputs = original(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
        if classes:
            torch.testing.assert_close(model(ids, lengths), outputs.logits, atol=1e-6, rtol=1e-5)
        else:
            states = original.base_model(input_ids=ids, attention_mask=mask.long())[0]
            model.replace_head(2, "mean")
            mean = (states * mask[..., None]).sum(1) / lengths[:, None]
            torch.testing.assert_close(model.features(ids, lengths), mean, atol=1e-6, rtol=1e-5)


@families
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_layer_groups_have_the_sizes_that_the_spec_tells_without_torch(family, pooling):
    original = small_encoders.hf_model(family)
    shapes = {name: weight.shape for name, weight in original.named_parameters()}
    spec = EncoderSpec(
        family, small_encoders.config_values(family), 0, "mean", body_sizes(family, shapes)
    )
    model = EncoderClassifier(spec)
    model.replace_head(2, pooling)
    sizes = {
        group.name: sum(weight.numel() for weight in group.parameters)
        for group in model.layer_groups()
    }
    assert sizes == model.spec.group_sizes() == spec.with_head(2, pooling).group_sizes()
    assert sum(sizes.values()) == sum(weight.numel() for weight in model.parameters())


@families
def test_a_model_without_weights_draws_no_random_numbers_and_has_its_positions(family):
    original = small_encoders.hf_model(family)
    shapes = {name: weight.shape for name, weight in original.named_parameters()}
    values = small_encoders.config_values(family)
    spec = EncoderSpec(family, values, 2, "first", body_sizes(family, shapes))
    drawn = EncoderClassifier(spec).eval()
    before = torch.get_rng_state()
    loaded = unfilled(spec).eval()
    assert before.equal(torch.get_rng_state())
    loaded.load_state_dict(drawn.state_dict())
    ids, lengths = torch.randint(5, 100, (2, 20)), torch.tensor([20, 7])
    with torch.no_grad():
        assert loaded(ids, lengths).equal(drawn(ids, lengths))


@families
def test_all_weights_train_in_bf16_and_padding_does_not_count(family):
    original = small_encoders.hf_model(family)
    shapes = {name: weight.shape for name, weight in original.named_parameters()}
    values = small_encoders.config_values(family)
    model = EncoderClassifier(EncoderSpec(family, values, 2, "first", body_sizes(family, shapes)))
    ids, lengths = torch.randint(5, 100, (2, 20)), torch.tensor([20, 7])
    with torch.autocast("cpu", torch.bfloat16):
        model(ids, lengths).float().sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
    model.eval()
    with torch.no_grad():
        alone = model(ids[1:, :7], lengths[1:])
        torch.testing.assert_close(model(ids, lengths)[1:], alone, atol=1e-6, rtol=1e-5)


def test_a_new_head_keeps_what_was_pretrained_of_it(tmp_path):
    folder = huggingface.inspect(small_encoders.write_folder(tmp_path / "bert"))
    model = drain(huggingface.load(folder))
    pooler = model.classifier.pooler.dense.weight.clone()
    model.replace_head(4, "first")
    assert model.classifier.pooler.dense.weight.equal(pooler)
    assert model.classifier.classifier.weight.shape == (4, 32)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: (path / "config.json").unlink(), "no readable config.json"),
        (lambda path: (path / "config.json").write_text("[]"), "no model of transformers"),
        (lambda path: _set(path, model_type="gpt2"), "'gpt2', whose layers are not known"),
        (lambda path: _set(path, model_type="t5", is_encoder_decoder=True), "generates text"),
        (lambda path: _set(path, num_hidden_layers=5), "its config.json says 5"),
        (lambda path: _set(path, intermediate_size=65), "do not fit its config.json"),
        (lambda path: (path / "model.safetensors").unlink(), "no model.safetensors"),
        (
            lambda path: (path / "model.safetensors").rename(path / "pytorch_model.bin"),
            "may run code",
        ),
        (lambda path: _cut(path / "model.safetensors"), "cut short"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_one_sentence(tmp_path, damage, sentence):
    path = small_encoders.write_folder(tmp_path / "encoder")
    damage(path)
    with pytest.raises(UnfreezeError, match=sentence):
        drain(huggingface.load(huggingface.inspect(path)))


def _set(path, **values):
    import json

    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | values))


def _cut(file):
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "albert"])  # shared layers
def test_the_upper_layers_go_on_from_the_states_of_the_lower_ones_exactly(family):
    original = small_encoders.hf_model(family)
    shapes = {name: weight.shape for name, weight in original.named_parameters()}
    values = small_encoders.config_values(family)
    spec = EncoderSpec(family, values, 2, "mean", body_sizes(family, shapes))
    model = EncoderClassifier(spec)
    ids, lengths = torch.randint(5, 100, (3, 48)), torch.tensor([48, 20, 7])
    assert all(map(model.can_start_at, range(1, spec.layers)))
    for layer in range(1, spec.layers):
        with torch.no_grad():
            states = model.states(ids, lengths, layer)
        states[1, 20:] = 0  # padding, which is not stored
        assert model.features_from(states, lengths, layer).equal(model.features(ids, lengths))
    model.features_from(states, lengths, layer).sum().backward()
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert trained
    assert not any(f".{below}." in name for name in trained for below in range(layer))
