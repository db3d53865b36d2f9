"""The loop, on a few made-up texts with a model of some hundred weights."""

import math
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ftcore import events, paths
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
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
from ftcore.text.truncation import Truncation
from ftcore.training import evaluation, loop, optimization, preparation
from ftcore.training.state import TrainingState
from tests.helpers import small_runs

pytestmark = pytest.mark.slow

TEXTS = small_runs.TEXTS
config = small_runs.config


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> datasets.TextDataset:
    return small_runs.small_sample(monkeypatch)


def run(settings_of_run: FineTuneConfig, ref: str = "made") -> list[Event]:
    events: list[Event] = []
    drain(train.train(settings_of_run, checkpoints.run_path(ref), ref), events.append)
    return events


def trained(settings_of_run: FineTuneConfig) -> dict[str, torch.Tensor]:
    """The last weights of a run, which need not be its best."""
    path = checkpoints.run_path("made")
    prepared = drain(preparation.prepare(settings_of_run, path, "made"))
    state = TrainingState.begin(prepared)
    drain(loop.train(prepared, state))
    return state.model.state_dict()


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("mode", ["full", "last-layer", "scratch", "gradual", "last-2"])
def test_a_run_learns_and_leaves_its_best_as_a_checkpoint(mode: str) -> None:
    events = run(config(mode=mode, epochs=8))
    validations = [event for event in of(Evaluation, events) if event.split == "val"]
    assert validations[0].step == 0
    assert len(validations) == 1 + 8 * 5
    best = max(event.accuracy for event in validations)
    assert best > (0.7 if mode == "last-layer" else 0.9)  # random words say little to a head alone
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.status == "finished"
    assert last.metrics["val_accuracy"] == best
    saved = checkpoints.find("made")
    assert saved.metrics["test_accuracy"] == of(Evaluation, events)[-1].accuracy
    assert (saved.parent, saved.words, saved.labels) == ("base", "base", ("negative", "positive"))
    assert of(Saved, events)[-1].accuracy == best
    steps = of(Step, events)
    assert steps[-1].step == 8 * math.ceil(190 / 16)
    assert steps[-1].examples == 8 * 190
    assert min(event.loss for event in validations) < validations[0].loss


def test_only_what_the_mode_names_moves() -> None:
    run(config(mode="last-layer"), "head")
    run(config(mode="full"), "whole")
    before = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    head = checkpoint_files.load_model(checkpoints.find("head")).state_dict()
    whole = checkpoint_files.load_model(checkpoints.find("whole")).state_dict()
    for name, old in before.items():
        if name.startswith("classifier"):
            assert head[name].shape[0] == 2
        else:
            assert torch.equal(head[name], old)
            assert torch.equal(whole[name], old) == (name == "embedding.weight")


def test_gradual_moves_a_layer_only_from_its_epoch_on() -> None:
    """Two epochs open the head and the layer below it; layer 1 waits for a third."""
    before = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    two, three = (trained(config(mode="gradual", epochs=epochs)) for epochs in (2, 3))
    first, second = ([name for name in before if f"layers.{number}." in name] for number in (0, 1))
    assert all(torch.equal(two[name], before[name]) for name in first)
    assert not all(torch.equal(two[name], before[name]) for name in second)
    assert not all(torch.equal(three[name], before[name]) for name in first)


def test_watched_sentences_are_answered_at_every_validation() -> None:
    events = run(config(mode="last-layer", epochs=2, watch="the film is good\n\nbad film"))
    validations = [event for event in of(Evaluation, events) if event.split == "val"]
    watched = of(Watched, events)
    assert [one.step for one in watched] == [one.step for one in validations]
    assert all(len(one.probabilities) == 2 for one in watched)
    assert all(sum(shares) == pytest.approx(1) for one in watched for shares in one.probabilities)
    assert watched[0].probabilities != watched[-1].probabilities


def test_the_head_on_stored_vectors_is_the_head_behind_the_frozen_body() -> None:
    """Last-layer training as the lesson writes it, through the whole model, gives the same head."""
    settings_of_run = config(mode="last-layer", epochs=2, schedule="constant", precision="fp32")
    task = preparation.prepare(settings_of_run, checkpoints.run_path("made"), "made")
    prepared = drain(task)
    plain = drain(preparation.prepare(settings_of_run, checkpoints.run_path("other"), "other"))
    plain.model.load_state_dict(prepared.model.state_dict())
    state = TrainingState.begin(prepared)
    drain(loop.train(prepared, state))

    torch.manual_seed(settings_of_run.seed)
    shuffle = torch.Generator().manual_seed(settings_of_run.seed)
    head = list(plain.model.classifier.parameters())
    optimizer = torch.optim.AdamW(head, settings_of_run.learning_rate, weight_decay=0.01)
    plain.model.eval()
    for _ in range(2):
        for rows in batches.shuffled_batches(
            plain.train.lengths(Truncation(16)), plain.train_rows, 16, shuffle
        ):
            loss = F.cross_entropy(
                plain.model(*plain.train.batch(rows, Truncation(16))), plain.train.labels[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(head, settings_of_run.max_grad_norm)
            optimizer.step()
    for ours, theirs in zip(state.model.classifier.parameters(), head, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_from_scratch_keeps_the_word_vectors_and_draws_all_else_by_seed() -> None:
    prepared = [
        drain(
            preparation.prepare(config(mode="scratch", seed=seed), checkpoints.run_path("x"), "x")
        )
        for seed in (1, 1, 2)
    ]
    base = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    first, same, other = (one.model.state_dict() for one in prepared)
    for name, weight in first.items():
        assert torch.equal(weight, same[name])
        if name == "embedding.weight":
            assert torch.equal(weight, base[name])
        elif name.endswith("weight") and "norm" not in name:
            assert not torch.equal(weight, other[name])
            assert name.startswith("classifier") or not torch.equal(weight, base[name])


def features(events: list[Event]) -> int:
    """Texts whose vectors were computed."""
    phases = [event for event in of(Progress, events) if event.phase == "features"]
    return sum(event.total for event in phases if event.done == event.total)


def test_vectors_of_a_frozen_body_are_computed_once_for_all_runs() -> None:
    first, again = (run(config(mode="last-layer"), ref) for ref in ("first", "again"))
    assert (features(first), features(again)) == (200 + len(TEXTS), 0)
    one, other = (checkpoint_files.load_model(checkpoints.find(ref)) for ref in ("first", "again"))
    assert torch.equal(one.classifier.weight, other.classifier.weight)
    assert of(Evaluation, first)[-1].loss == of(Evaluation, again)[-1].loss
    made, kept = first[-1].metrics, again[-1].metrics
    assert (made["features_kept"], kept["features_kept"]) == (0, 1)
    assert made["features_seconds"] == kept["features_seconds"] > 0
    assert made["train_seconds"] > made["features_seconds"]


def test_kept_vectors_serve_only_what_they_were_computed_for() -> None:
    run(config(mode="last-layer"), "first")
    assert features(run(config(mode="last-layer", seed=1), "seed")) == 0  # splits the same texts
    assert features(run(config(mode="last-layer", max_length=8), "shorter")) == 200 + len(TEXTS)
    assert features(run(config(mode="last-layer", limit=40), "fewer")) == 40 + 10
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", seed=5)
    assert features(run(config(mode="last-layer"), "other")) == 200 + len(TEXTS)


def test_kept_vectors_that_broke_are_computed_again(home: Path) -> None:
    run(config(mode="last-layer"), "first")
    for file in (home / "cache").glob("features-*/vectors.npy"):
        file.write_bytes(file.read_bytes()[:-30])
    assert features(run(config(mode="last-layer"), "again")) == 200 + len(TEXTS)
    assert features(run(config(mode="last-layer"), "third")) == 0


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    for ref, seed in (("first", 3), ("again", 3), ("other", 4)):
        run(config(seed=seed), ref)
    first, again, other = (
        checkpoint_files.load_model(checkpoints.find(ref)).classifier.weight
        for ref in ("first", "again", "other")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_step_waits_for_no_device() -> None:
    """Reading one value of a tensor makes the program wait for all that an accelerator has still to do."""

    class Watch(TorchDispatchMode):
        waits: ClassVar[list[str]] = []

        def __torch_dispatch__(  # type: ignore[override]
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = str(function)
            if any(one in name for one in ("_local_scalar_dense", "nonzero", "masked_select")):
                self.waits.append(name)
            return function(*args, **(kwargs or {}))

    prepared = drain(preparation.prepare(config(), checkpoints.run_path("made"), "made"))
    state = TrainingState.begin(prepared)
    classifier = drain(
        evaluation.classifier_of_mode(prepared, state.model, prepared.train, prepared.train_rows)
    )
    classifier.network.train()
    rows = prepared.train_rows[:16]
    longest = classifier.longest(rows)
    with Watch():
        F.cross_entropy(classifier.scores(rows, longest), classifier.labels[rows]).backward()
        torch.nn.utils.clip_grad_norm_(state.trained_weights, 1.0)
        state.optimizer.step()
    assert Watch.waits == []


def test_a_new_head_is_announced_and_the_same_labels_keep_the_old_one() -> None:
    first = run(config(), "first")
    assert any("last layer is new" in note for note in of(Started, first)[0].notes)
    further = run(config(checkpoint="first", epochs=1), "further")
    assert not any("last layer is new" in note for note in of(Started, further)[0].notes)
    assert checkpoints.find("further").words == "base"
    start = of(Evaluation, further)[0].accuracy
    assert start == checkpoints.find("first").metrics["val_accuracy"]


def test_stop_ends_within_a_step_and_keeps_the_best() -> None:
    task = train.train(config(epochs=500), checkpoints.run_path("made"), "made")
    for event in task:
        if isinstance(event, Progress) and event.phase == "training" and event.done == 7:
            break
    rest = [task.throw(events.Stop), *task]
    assert [type(event) for event in rest] == [Finished]
    assert rest[0].status == "stopped"  # type: ignore[union-attr]
    assert checkpoint_files.load_model(checkpoints.find("made")).spec.classes == 2


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_weights() -> None:
    wild = config(
        optimizer="sgd", learning_rate=1e6, max_grad_norm=0, schedule="constant", epochs=30
    )
    events: list[Event] = []
    with pytest.raises(UnfreezeError, match="smaller learning rate than"):
        drain(train.train(wild, checkpoints.run_path("made"), "made"), events.append)
    kept = checkpoint_files.load_model(checkpoints.find("made"))
    assert all(weight.isfinite().all() for weight in kept.parameters())


def test_a_limit_takes_training_texts_only() -> None:
    limited = of(Started, run(config(limit=40, epochs=1), "limited"))[0].facts
    whole = of(Started, run(config(epochs=1), "whole"))[0].facts
    assert (limited["train_texts"], whole["train_texts"]) == (40, 190)
    assert limited["val_texts"] == whole["val_texts"] == 10
    assert limited["test_texts"] == whole["test_texts"] == 4
    assert limited["split_fingerprint"] != whole["split_fingerprint"]


def test_a_new_model_is_pretrained_from_a_file_of_vectors(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    words = small_runs.WORDS[2:]
    torch.manual_seed(0)
    rows = torch.randn(len(words), 8).tolist()
    vectors.write_text(
        "".join(f"{w} {' '.join(map(str, r))}\n" for w, r in zip(words, rows, strict=True))
    )
    run(config(checkpoint="new", vectors=str(vectors), words=100, heads=2, feedforward=8), "fresh")
    made = checkpoints.find("fresh")
    assert (made.parent, made.words, made.model.vocab_size) == ("", "fresh", len(words) + 2)
    assert checkpoint_files.load_vocabulary(made).itos == ["<unk>", "<pad>", *words]


def test_one_cycle_warms_up_and_ends_at_zero() -> None:
    factors = [optimization.one_cycle_factor(step, 100) for step in range(100)]
    assert factors[:20] == sorted(factors[:20]) and factors[19] == 1.0
    assert factors[20:] == sorted(factors[20:], reverse=True) and factors[99] < 0.01
