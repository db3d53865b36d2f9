"""The training loop, on a few short texts with a model of a few hundred weights."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ftcore import events, paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.events import (
    Evaluation,
    Event,
    Finished,
    Progress,
    Saved,
    Started,
    Step,
    Watched,
    drain,
)
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import train
from ftcore.text import batches
from ftcore.text.lengths import TextLengths
from ftcore.text.truncation import Truncation
from ftcore.text.word_rules import CURRENT, EARLIER
from ftcore.text.words import WordTokenizer
from ftcore.training import encoding, evaluation, loop, optimization, preparation, snapshots
from ftcore.training.preparation import TrainingSetup
from ftcore.training.state import TrainingState
from tests.helpers import paused_runs, small_runs
from tests.helpers.small_runs import config

pytestmark = pytest.mark.slow

EventType = TypeVar("EventType")


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    return small_runs.small_sample(monkeypatch)


def run(config: FineTuneConfig, ref: str = "run") -> list[Event]:
    events: list[Event] = []
    drain(train.train(config, checkpoints.run_path(ref), ref), events.append)
    return events


def prepare(config: FineTuneConfig) -> TrainingSetup:
    return drain(preparation.prepare(config, checkpoints.run_path("run"), "run"))


def train_to_the_end(setup: TrainingSetup) -> TrainingState:
    """The state after the last step, whose weights need not be the best."""
    state = TrainingState.begin(setup)
    drain(loop.train(setup, state))
    return state


def of(kind: type[EventType], events: list[Event]) -> list[EventType]:
    return [event for event in events if isinstance(event, kind)]


def validations(events: list[Event]) -> list[Evaluation]:
    return [event for event in of(Evaluation, events) if event.split == "val"]


@pytest.mark.parametrize("mode", ["full", "last-layer", "scratch", "gradual", "last-2"])
def test_a_run_learns_and_leaves_its_best_checkpoint(mode):
    events = run(config(mode=mode, epochs=8))
    evaluations = validations(events)
    assert evaluations[0].step == 0
    assert len(evaluations) == 1 + 8 * 5
    assert min(event.loss for event in evaluations) < evaluations[0].loss
    best = max(event.accuracy for event in evaluations)
    assert best > (0.7 if mode == "last-layer" else 0.9)  # random words say little to a head alone
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.status, last.metrics["val_accuracy"]) == ("finished", best)
    saved = checkpoints.find("run")
    assert saved.metrics["test_accuracy"] == of(Evaluation, events)[-1].accuracy
    assert (saved.parent, saved.words, saved.labels) == ("base", "base", ("negative", "positive"))
    assert of(Saved, events)[-1].accuracy == best
    lengths = TextLengths.read(saved.origin["text_lengths"])
    assert lengths and sum(lengths.texts) == 190 and lengths.texts[0] < 190
    last_step = of(Step, events)[-1]
    assert (last_step.step, last_step.examples) == (8 * math.ceil(190 / 16), 8 * 190)


def test_gradual_trains_a_layer_only_from_its_epoch_on():
    """Two epochs open the head and layer 2; layer 1 opens in the third."""
    before = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    two, three = (
        train_to_the_end(prepare(config(mode="gradual", epochs=epochs))).model.state_dict()
        for epochs in (2, 3)
    )
    layer_1, layer_2 = ([name for name in before if f"layers.{n}." in name] for n in (0, 1))
    assert all(torch.equal(two[name], before[name]) for name in layer_1)
    assert not all(torch.equal(two[name], before[name]) for name in layer_2)
    assert not all(torch.equal(three[name], before[name]) for name in layer_1)


def test_watched_sentences_are_answered_at_every_validation():
    events = run(config(mode="last-layer", epochs=2, watch="the film is good\n\nbad film"))
    watched = of(Watched, events)
    assert [event.step for event in watched] == [event.step for event in validations(events)]
    for event in watched:
        assert [sum(shares) for shares in event.probabilities] == pytest.approx([1, 1])
    assert watched[0].probabilities != watched[-1].probabilities


def test_training_on_cached_features_equals_training_through_the_whole_model():
    settings = config(mode="last-layer", epochs=2, schedule="constant", precision="fp32")
    setup = prepare(settings)
    trained_head = train_to_the_end(setup).model.classifier

    torch.manual_seed(settings.seed)
    shuffle = torch.Generator().manual_seed(settings.seed)
    model, tokens, truncation = setup.model.eval(), setup.train, Truncation(16)
    head = list(model.classifier.parameters())
    optimizer = torch.optim.AdamW(head, settings.learning_rate, weight_decay=0.01)
    lengths = tokens.lengths(truncation)
    for _ in range(2):
        for rows in batches.shuffled_batches(lengths, setup.train_rows, 16, shuffle):
            scores = model(*tokens.batch(rows, truncation))
            optimizer.zero_grad()
            F.cross_entropy(scores, tokens.labels[rows]).backward()
            torch.nn.utils.clip_grad_norm_(head, settings.max_grad_norm)
            optimizer.step()
    for weight, expected in zip(trained_head.parameters(), head, strict=True):
        assert torch.allclose(weight, expected, atol=1e-5)


def test_scratch_keeps_the_word_vectors_and_draws_the_rest_by_seed():
    base = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    first, same, other = (
        prepare(config(mode="scratch", seed=seed)).model.state_dict() for seed in (1, 1, 2)
    )
    for name, weight in first.items():
        assert torch.equal(weight, same[name])
        if name == "embedding.weight":
            assert torch.equal(weight, base[name])
        elif name.endswith("weight") and "norm" not in name:
            assert not torch.equal(weight, other[name])
            assert name.startswith("classifier") or not torch.equal(weight, base[name])


def computed_features(ref: str, **values: object) -> int:
    """Texts whose features a run of the last layer computes."""
    progress = of(Progress, run(config(mode="last-layer", **values), ref))
    done = [event for event in progress if event.phase == "features" and event.done == event.total]
    return sum(event.done for event in done)


def test_features_are_computed_once_for_the_same_body_and_texts(home):
    texts = 200  # those of the test are copies of some of them
    assert computed_features("first") == texts
    assert computed_features("again") == 0
    first, again = (checkpoints.find(ref).metrics for ref in ("first", "again"))
    assert first["test_accuracy"] == again["test_accuracy"]
    assert (first["features_kept"], again["features_kept"]) == (0, 1)
    assert first["train_seconds"] > first["features_seconds"] == again["features_seconds"] > 0
    assert computed_features("other split of the same texts", seed=1) == 0
    assert computed_features("shorter", max_length=8) == texts
    assert computed_features("fewer of them", limit=40) == 0
    for file in (home / "cache").glob("features-*/vectors.npy"):
        file.write_bytes(file.read_bytes()[:-30])
    assert computed_features("after damage") == texts
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", seed=5)
    assert computed_features("other body") == texts


def test_a_step_does_not_wait_for_the_device():
    """Reading a value of a tensor makes the program wait for all that the accelerator has still to do."""
    waits: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(  # type: ignore[override]
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            waiting = ("_local_scalar_dense", "nonzero", "masked_select")
            waits.extend(name for name in waiting if name in str(function))
            return function(*args, **(kwargs or {}))

    setup = prepare(config())
    state = TrainingState.begin(setup)
    arguments = state.model, setup.train, setup.train_rows, setup.config.reading
    classifier = drain(evaluation.classifier_of_mode(setup, *arguments))
    classifier.network.train()
    rows = setup.train_rows[:16]
    longest = classifier.max_length(rows)
    with Watch():
        F.cross_entropy(classifier.scores(rows, longest), classifier.labels[rows]).backward()
        torch.nn.utils.clip_grad_norm_(state.trained_weights, 1.0)
        state.optimizer.step()
    assert waits == []


def test_a_new_head_is_announced_and_the_same_labels_keep_the_old_one():
    [start] = of(Started, run(config(), "first"))
    assert any("last layer is new" in note for note in start.notes)
    events = run(config(checkpoint="first", epochs=1), "further")
    assert not any("last layer is new" in note for note in of(Started, events)[0].notes)
    assert checkpoints.find("further").words == "base"
    accuracy = validations(events)[0].accuracy
    assert accuracy == checkpoints.find("first").metrics["val_accuracy"]


@pytest.mark.parametrize("mode", ["full", "majority"])
def test_a_label_may_have_a_comma(mode, sample, monkeypatch):
    labels = ["Arts, Books", "Sport"]

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 200, 200, "texts")
        return replace(sample, labels=tuple(labels))

    monkeypatch.setattr(datasets, "load", load)
    run_id = paused_runs.finished(config(mode=mode, epochs=1))
    assert tracking.run(run_id).facts["labels"] == labels


def test_stop_ends_within_a_step_and_keeps_the_best():
    task = train.train(config(epochs=500), checkpoints.run_path("run"), "run")
    for event in task:
        if isinstance(event, Progress) and event.phase == "training" and event.done == 7:
            break
    [last] = [task.throw(events.Stop), *task]
    assert isinstance(last, Finished) and last.status == "stopped"
    assert checkpoint_files.load_model(checkpoints.find("run")).spec.classes == 2


def test_a_new_model_starts_from_a_file_of_vectors(tmp_path):
    words = small_runs.WORDS[2:]
    lines = [f"{word} {' '.join(map(str, torch.randn(8).tolist()))}\n" for word in words]
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(lines))
    run(config(checkpoint="new", vectors=str(vectors), words=100, heads=2, feedforward=8), "fresh")
    fresh = checkpoints.find("fresh")
    assert (fresh.parent, fresh.words, fresh.model.vocab_size) == ("", "fresh", len(words) + 2)
    assert checkpoint_files.load_tokenizer(fresh).words == ["<unk>", "<pad>", *words]


def test_one_cycle_warms_up_and_ends_at_zero():
    factors = [optimization.one_cycle_factor(step, 100, 0.2) for step in range(100)]
    assert factors[:20] == sorted(factors[:20]) and factors[19] == 1.0
    assert factors[20:] == sorted(factors[20:], reverse=True) and factors[99] < 0.01


def test_a_watched_sentence_of_unknown_words_is_noted():
    [started] = [
        e for e in run(config(watch="a good film\nqwerty!")) if isinstance(e, events.Started)
    ]
    notes = [note for note in started.notes if "watched" in note]
    assert notes == [
        "No word of the watched sentence 'qwerty!' is known to the model: its answers say nothing about it."
    ]


def test_a_run_has_its_parents_tokenizer_and_a_new_model_the_current_one(tmp_path):
    """A new model that was begun with the earlier one goes on with that."""
    small_runs.checkpoint(paths.checkpoints_dir() / "old", "old", rule=EARLIER)
    setup = prepare(config(checkpoint="old"))
    assert setup.tokenizer.rule is EARLIER and preparation.facts(setup)["tokenizer"] == EARLIER.name
    run(config(checkpoint="old", mode="last-layer", epochs=1), "child")
    assert checkpoints.find("child").tokenizer == EARLIER.name
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} 1 2 3 4\n" for word in small_runs.WORDS[2:]))
    fresh = config(checkpoint="new", vectors=str(vectors), words=100, heads=2, feedforward=8)
    assert prepare(fresh).tokenizer.rule is CURRENT
    task = train.train(fresh, checkpoints.run_path("fresh"), "fresh")
    next(event for event in task if isinstance(event, events.Saved))
    task.throw(events.Pause)
    snapshot = snapshots.load(checkpoints.run_path("fresh"))
    assert snapshot is not None and snapshots.word_rule(snapshot) is CURRENT
    del snapshot.values["tokenizer"]  # as an earlier version wrote it
    assert snapshots.word_rule(snapshot) is EARLIER
    begun = drain(preparation.prepare(fresh, Path(), "", snapshots.word_rule(snapshot)))
    assert begun.tokenizer.rule is EARLIER


def test_token_ids_are_cached_by_tokenizer(sample):
    text = "The \u201cgood\u201d film"
    part = datasets.Texts([text, text], [0, 1])
    dataset = replace(sample, train=part, test=part)
    first, other = (
        drain(encoding.encode(dataset, WordTokenizer(rule, small_runs.WORDS)))[0].ids
        for rule in (EARLIER, CURRENT)
    )
    assert first.tolist() == [2, 0, 3] * 2 and other.tolist() == [2, 5, 3] * 2
