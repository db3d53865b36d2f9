import pytest
import torch
from hypothesis import given, settings as hypothesis_settings, strategies as st

from ftcore import devices, paths
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.inference import prediction
from ftcore.models import checkpoints
from tests.helpers import small_runs


@pytest.fixture
def base() -> checkpoints.Checkpoint:
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def test_a_text_gets_the_same_answer_alone_and_in_a_batch(base: checkpoints.Checkpoint) -> None:
    texts = ["The film is good.", "Bad", "not " * 40, "the film is not bad, the film is good"] * 30
    together = prediction.predict("base", texts)
    assert len(together) == len(texts)
    for text, answer in zip(texts[:4], together, strict=False):
        alone = prediction.predict("base", [text])[0]
        assert alone.label == answer.label
        assert alone.probabilities == pytest.approx(answer.probabilities, abs=1e-5)


def test_it_shows_what_the_model_reads(base: checkpoints.Checkpoint) -> None:
    answer = prediction.predict("base", ["The zebra is GOOD. " * 10])[0]
    assert answer.tokens[:5] == ["the", "zebra", "is", "good", "."]
    assert answer.known[:5] == [True, False, True, True, True]
    assert len(answer.tokens) == base.max_length
    assert answer.truncated
    assert set(answer.unknown) == {"zebra"}
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert max(answer.probabilities, key=answer.probabilities.__getitem__) == answer.label


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_a_sentence(base: checkpoints.Checkpoint, text: str) -> None:
    with pytest.raises(UnfreezeError, match="empty"):
        prediction.predict("base", ["good", text])


@given(text=st.text(min_size=1).filter(str.strip))
@hypothesis_settings(max_examples=60, deadline=None)
def test_any_text_is_answered(text: str) -> None:
    if not (paths.checkpoints_dir() / "base").exists():
        small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    answer = prediction.predict("base", [text])[0]
    assert all(0 <= share <= 1 for share in answer.probabilities.values())


def test_texts_that_are_huge_or_binary_are_answered(base: checkpoints.Checkpoint) -> None:
    texts = ["a" * 1_000_000, "good " * 200_000, "\x00\xff\ufffd" * 50, "<pad> <pad>", '""']
    for answer in prediction.predict("base", texts):
        assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_new_weights_are_noticed(base: checkpoints.Checkpoint) -> None:
    before = prediction.predict("base", ["good"])[0]
    small_runs.checkpoint(base.path, "base", seed=9)
    model = checkpoints.load_model(checkpoints.find("base"))
    after = prediction.predict("base", ["good"])[0]
    assert before.probabilities != after.probabilities
    scores = model(torch.tensor([[5]]), torch.tensor([1])).softmax(1)[0].tolist()
    assert list(after.probabilities.values()) == pytest.approx(scores, abs=1e-6)


def test_many_texts_keep_their_order_and_say_how_far_they_are(
    base: checkpoints.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [("bad " * (n % 23) + "good. ") * (n % 3 + 1) for n in range(200)]
    at_once = prediction.predict("base", texts)
    monkeypatch.setattr(devices, "batch_tokens", lambda device: 64)
    progress: list[Event] = []
    in_parts = drain(prediction.predict_many("base", texts), progress.append)
    said = [one.done for one in progress if isinstance(one, Progress) and one.phase == "testing"]
    assert len(said) > 20
    assert said == sorted(said)
    assert said[-1] == len(texts)
    # More than a batch may be in bf16, which keeps three digits.
    for one, other in zip(at_once, in_parts, strict=True):
        assert other.probabilities == pytest.approx(one.probabilities, abs=0.02)


def test_no_texts_have_no_answers(base: checkpoints.Checkpoint) -> None:
    assert prediction.predict("base", []) == []


def test_an_answer_takes_no_random_number_from_a_training_beside_it(
    base: checkpoints.Checkpoint,
) -> None:
    """All threads draw from the same; a run with dropout would end with other weights."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    prediction.predict("base", ["good film", "bad"])
    assert torch.equal(torch.get_rng_state(), before)
    same = checkpoints.load_model(base)
    assert not torch.equal(torch.get_rng_state(), before)  # the usual way does draw
    beside = checkpoints.load_model(base, beside=True)
    for name, weight in same.state_dict().items():
        assert torch.equal(weight, beside.state_dict()[name])
    assert torch.equal(same.positions, beside.positions)
