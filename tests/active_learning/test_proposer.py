"""Texts that are proposed: to whom, from which arm, and while the model learns."""

import threading
import time

import numpy as np
import pytest
import torch

from ftcore.active_learning import proposer as proposing, vectors
from ftcore.active_learning.proposer import Proposer
from ftcore.config import FineTuneConfig
from ftcore.data.store import labelling
from ftcore.data.store.labelling import Change
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.inference import prediction
from ftcore.models import checkpoint_files
from tests.helpers import small_encoders, small_runs
from tests.helpers.own_data import add
from tests.helpers.waiting import wait_for


@pytest.fixture
def mine(tmp_path):
    """Texts whose last digit tells the class; none has a label."""
    lines = [f"text number {n} of class {n % 2}" for n in range(120)]
    (tmp_path / "mine.csv").write_text("\n".join(["text", *lines]))
    card = add(tmp_path / "mine.csv")
    labelling.define_classes(card, ["0", "1"], "ann")
    return card


@pytest.fixture
def small(home):
    return small_runs.checkpoint(home / "checkpoints" / "small", "small")


@pytest.fixture
def known_vectors(monkeypatch):
    """Vectors that tell the classes apart, at once; the returned event lets the rest of them go on."""
    go_on = threading.Event()
    go_on.set()

    def in_parts(checkpoint, texts, fingerprint, order, on_event):
        for part in np.array_split(order, 2):
            go_on.wait()
            sides = np.array([int(texts[text][-1]) for text in part])
            noise = np.random.default_rng(0).normal(size=(len(part), 4))
            yield np.sort(part), (noise + 3 * sides[np.argsort(part), None]).astype(np.float32)

    monkeypatch.setattr(vectors, "in_parts", in_parts)
    return go_on


def give(proposer, session="s", by="ann"):
    """Label the next text as it says itself."""
    proposal = proposer.next(session)
    labelling.change(
        proposer.card, [Change(proposal.text, (proposal.words[-1],), proposal.arm)], by
    )
    proposer.labelled()
    return proposal


def test_texts_are_chosen_beside_random_ones_and_the_curve_follows(mine, small, known_vectors):
    proposer = Proposer(mine, small)
    arms = []
    for _ in range(70):
        arms.append(give(proposer).arm)
        if len(arms) == 20:
            wait_for(lambda: proposer._learner.ranked)
    wait_for(lambda: proposer.points and proposer.points[-1].labels == 10 + proposer.book().pairs)
    assert abs(arms.count("chosen") - arms.count("random")) <= 10 and arms.count("chosen") > 10
    assert proposer.points[-1].held_out == len(proposer.book().held_out) == arms.count("held-out")
    assert proposer.points[-1].random > 0.8
    assert {entry for entry in arms} == {"start", "chosen", "random", "held-out"}


def test_held_out_texts_are_those_of_the_split_in_random_order(mine, small, known_vectors):
    proposer = Proposer(mine, small)
    given = [give(proposer) for _ in range(40)]
    held_out = [each for each in given if each.arm == "held-out"]
    assert {each.part for each in held_out} == {"validation", "test"}
    assert all(each.part == "train" for each in given if each.arm != "held-out")
    order = [text for text in proposer._drawn[False] if text in {each.text for each in held_out}]
    assert [each.text for each in held_out] == order == proposer._drawn[False][: len(order)]


def test_no_text_goes_to_two_people_until_its_lease_is_over(
    mine, small, known_vectors, monkeypatch
):
    proposer = Proposer(mine, small)
    ann, ben = proposer.next("ann"), proposer.next("ben")
    assert ann.text != ben.text and proposer.next("ann") == ann
    skipped = proposer.next("ann", skipped={ann.text})
    assert skipped.text not in (ann.text, ben.text)
    monkeypatch.setattr(proposing, "LEASE_SECONDS", -1.0)
    late = proposer.next("cy")
    assert proposer.next("di").text == late.text


def test_the_model_learns_after_the_next_text_was_given(mine, small, known_vectors, monkeypatch):
    monkeypatch.setattr(proposing, "ANSWER_SECONDS", 0.3)
    proposer = Proposer(mine, small)
    learned = []
    rank = proposer._learner.rank

    def timed_rank(book, classes):
        learned.append((len(book.start), time.monotonic()))
        rank(book, classes)

    proposer._learner.rank = timed_rank
    proposer.next("s")
    wait_for(lambda: learned)
    given = time.monotonic()
    give(proposer)
    wait_for(lambda: learned[-1][0] == 1)
    assert learned[-1][1] - given >= 0.3


def test_the_next_text_does_not_wait_for_vectors_or_a_model(mine, small, known_vectors):
    known_vectors.clear()
    proposer = Proposer(mine, small)
    arms = {give(proposer).arm for _ in range(30)}
    assert arms == {"start", "random", "held-out"} and proposer.points == []
    known_vectors.set()
    wait_for(lambda: proposer.points)


def test_a_model_that_cannot_be_loaded_is_named_and_random_texts_go_on(mine, small):
    proposer = Proposer(mine, small)
    for file in small.path.glob("*.safetensors"):
        file.write_bytes(b"{}")
    assert proposer.next("ann").arm == "start"
    wait_for(lambda: proposer.problem)
    assert proposer.next("ben").arm == "start"
    with pytest.raises(UnfreezeError):
        (mine.folder / "labels.jsonl").write_text("{}\n")
        proposer.next("ben")


def test_vectors_of_a_real_body_are_kept(mine, small):
    texts = [f"good film number {n}" for n in range(60)]
    order = np.random.default_rng(0).permutation(60)
    found = np.concatenate([part for part, _ in vectors.in_parts(small, texts, "t", order, print)])
    assert sorted(found.tolist()) == list(range(60))
    events = []
    list(vectors.in_parts(small, texts, "t", order, events.append))
    assert events == []  # all from the cache


def test_vectors_of_an_encoder_are_those_that_its_new_last_layer_would_read(tmp_path, home):
    """Its own head, which the folder lacks, would read the first token."""
    folder = small_encoders.write_folder(tmp_path / "small")
    encoder = drain(huggingface.import_encoder(str(folder)))
    before = torch.random.get_rng_state()
    texts = ["good film", "a bad film " * 40]
    [(_, found)] = vectors.in_parts(encoder, texts, "t", np.arange(2), print)
    assert torch.equal(torch.random.get_rng_state(), before)  # a run may train in another thread
    model = checkpoint_files.load_model(encoder)
    model.replace_head(2)
    tokens = drain(prediction.encode(checkpoint_files.load_tokenizer(encoder), texts))
    longest = encoder.model.max_length
    reading = FineTuneConfig(encoder.ref, mode="last-layer", max_length=longest).truncation
    with torch.inference_mode():
        expected = model.features(*tokens.batch(torch.arange(2), reading))
    np.testing.assert_allclose(found, expected, atol=1e-3)
