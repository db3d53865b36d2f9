"""Predictions: the same alone and in a batch, for any text, and without side effects."""

import pytest
import torch

from ftcore import devices, paths
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.inference import explanation, prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.text.word_rules import EARLIER
from tests.helpers import small_runs


@pytest.fixture
def base():
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def test_a_text_gets_the_same_prediction_alone_and_in_a_batch(base):
    texts = ["The film is good.", "Bad", "not " * 40, "the film is not bad, the film is good"] * 30
    batch = prediction.predict("base", texts)
    assert len(batch) == len(texts)
    for text, in_batch in zip(texts[:4], batch, strict=False):
        [alone] = prediction.predict("base", [text])
        assert alone.label == in_batch.label
        assert alone.probabilities == pytest.approx(in_batch.probabilities, abs=1e-5)


def test_a_prediction_has_the_tokens_that_the_model_read(base):
    [answer] = prediction.predict("base", ["The zebra is GOOD. " * 10])
    assert answer.tokens[:5] == ["the", "zebra", "is", "good", "."]
    assert answer.known[:5] == [True, False, True, True, True]
    assert len(answer.tokens) == base.max_length
    assert answer.truncated and set(answer.unknown) == {"zebra"}
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert max(answer.probabilities, key=answer.probabilities.__getitem__) == answer.label


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_an_error(base, text):
    with pytest.raises(UnfreezeError, match="empty"):
        prediction.predict("base", ["good", text])


def test_huge_and_binary_texts_get_probabilities(base):
    texts = ["a" * 1_000_000, "good " * 200_000, "\x00\xff\ufffd" * 50, "<pad> <pad>", '""']
    for answer in prediction.predict("base", texts):
        assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_new_weights_replace_cached_ones(base):
    [before] = prediction.predict("base", ["good"])
    small_runs.checkpoint(base.path, "base", seed=9)
    model = checkpoint_files.load_model(checkpoints.find("base"))
    [after] = prediction.predict("base", ["good"])
    assert before.probabilities != after.probabilities
    scores = model(torch.tensor([[5]]), torch.tensor([1])).softmax(1)[0].tolist()
    assert list(after.probabilities.values()) == pytest.approx(scores, abs=1e-6)


def test_many_texts_keep_their_order_and_report_progress(base, monkeypatch):
    texts = [("bad " * (n % 23) + "good. ") * (n % 3 + 1) for n in range(200)]
    one_batch = prediction.predict("base", texts)
    monkeypatch.setattr(devices, "batch_tokens", lambda device: 64)
    events: list[Event] = []
    batches = drain(prediction.predict_many("base", texts), events.append)
    progress = [event for event in events if isinstance(event, Progress)]
    done = [event.done for event in progress if event.phase == "testing"]
    assert len(done) > 20 and done == sorted(done) and done[-1] == len(texts)
    # Several batches may be in bf16, which has three digits.
    for expected, answer in zip(one_batch, batches, strict=True):
        assert answer.probabilities == pytest.approx(expected.probabilities, abs=0.02)


def test_a_prediction_draws_no_random_number(base):
    """All threads share a generator: a training with dropout would end with other weights."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    prediction.predict("base", ["good film", "bad"])
    assert torch.equal(torch.get_rng_state(), before)
    model = checkpoint_files.load_model(base)
    assert not torch.equal(torch.get_rng_state(), before)  # the default does draw
    beside = checkpoint_files.load_model(base, beside=True)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, beside.state_dict()[name])
    assert torch.equal(model.positions, beside.positions)


@pytest.mark.parametrize(
    ("text", "says_nothing"),
    [
        ("zebra", True),
        ("Zebra, zebra.", True),  # known marks are no words
        ("...", True),
        ("\U0001f44d\U0001f44d", True),
        ("<unk> <pad>", True),
        ("zebra good", False),
        ("\u201cGOOD\u201d", False),
        ("zebra " * 40 + "good", True),  # which is not read
    ],
)
def test_an_answer_says_nothing_if_no_word_is_known(base, text, says_nothing):
    [answer] = prediction.predict("base", [text])
    assert answer.says_nothing == says_nothing


def test_a_checkpoint_reads_with_its_own_tokenizer(base):
    old = small_runs.checkpoint(paths.checkpoints_dir() / "old", "old", rule=EARLIER)
    plain, typographic = 'The film isn\'t "good"', "The film isn\u2019t \u201cgood\u201d"
    for checkpoint, alike in ((base, True), (old, False)):
        answers = prediction.predict(checkpoint.ref, [plain, typographic])
        assert (answers[0].probabilities == answers[1].probabilities) == alike
        assert (answers[0].tokens == answers[1].tokens) == alike
        reasons = [explanation.explain(checkpoint.ref, text) for text in (plain, typographic)]
        assert (reasons[0].contributions == reasons[1].contributions) == alike


def test_cached_models_take_no_more_memory_than_allowed(monkeypatch):
    monkeypatch.setattr(prediction, "_models", type(prediction._models)())
    refs = [f"model {number}" for number in range(4)]
    for ref in refs:
        small_runs.checkpoint(paths.checkpoints_dir() / ref, ref)
    prediction.load(checkpoints.find(refs[0]))
    monkeypatch.setattr(prediction, "CACHED_BYTES", prediction._bytes() * 2)
    for ref in refs:
        prediction.load(checkpoints.find(ref))
    assert [ref for ref, _ in prediction._models] == refs[2:]
    monkeypatch.setattr(prediction, "CACHED_BYTES", 1)
    prediction.load(checkpoints.find(refs[0]))
    assert [ref for ref, _ in prediction._models] == refs[:1], "the model in use"
