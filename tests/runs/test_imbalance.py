"""Classes of unequal size: weights in the loss, the measure of the best model, figures by class."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn import metrics

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets, imdb
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Evaluation, Progress, drain
from ftcore.models import checkpoints
from ftcore.runs.checks import check_config
from ftcore.tracking import store
from ftcore.training import best_measure, evaluation, loop, preparation, snapshots
from ftcore.training.state import TrainingState
from tests.helpers import paused_runs, small_runs

RARE = ["the film is good", "the film is bad", "not bad", "bad film , not good", "is bad"]


@pytest.fixture(autouse=True)
def uneven(monkeypatch):
    """A tenth of the texts is negative; one in five of them reads like the positive ones."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1)
        parts = []
        for count in (400, 200):
            texts = ["the film is good", "not bad , good"] * (9 * count // 20)
            texts += RARE * (count // 50)
            labels = [1] * (9 * count // 10) + [0] * (count // 10)
            parts.append(datasets.Texts(texts, labels))
        about = ("this test", True, "0123456789abcdef")
        return datasets.TextDataset("sample", "Uneven", imdb.LABELS, *parts, *about)

    monkeypatch.setattr(datasets, "load", load)


def finished(**values: object) -> tracking.Run:
    return tracking.run(paused_runs.finished(small_runs.config(**values)))


def recall_of_rare(run: tracking.Run) -> float:
    answers = Diagnostics.of_run(run.run_id)
    assert answers is not None
    return float(answers.by_class.recall[0])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["full", "last-layer", "tfidf", "linear-probe"])
def test_weights_find_more_of_the_rare_class(mode):
    found = [
        finished(mode=mode, class_weights=weights, best_by="macro-f1")
        for weights in ("", "negative=40")
    ]
    plain, weighted = map(recall_of_rare, found)
    assert weighted > plain
    assert tracking.history(found[1].run_id)["loss"].dropna().between(0, 20).all()


def test_the_figures_of_a_run_are_those_of_scikit_learn():
    run = finished(mode="majority")
    answers = Diagnostics.of_run(run.run_id)
    assert answers is not None
    predicted = answers.probabilities.argmax(1)
    f1 = metrics.f1_score(answers.truth, predicted, average="macro", zero_division=0)
    assert run.metrics["macro_f1"] == pytest.approx(f1) and f1 < 0.5 < run.metrics["test_accuracy"]
    assert run.metrics["balanced_accuracy"] == 0.5
    history = tracking.history(run.run_id).set_index("split")
    assert history.loc["test", "macro_f1"] == run.metrics["macro_f1"]
    assert history.loc["val", "macro_f1"] == run.metrics["val_macro_f1"]


@pytest.mark.parametrize(("count", "measure"), [(9, "macro-f1"), (10, "accuracy")])
def test_macro_f1_keeps_the_best_model_where_a_class_has_less_than_a_tenth(count, measure):
    labels = [0] * count + [1] * (100 - count)
    texts = datasets.Texts([""] * 100, labels)
    dataset = datasets.TextDataset("x", "X", ("a", "b"), texts, texts, "", True, "")
    found, notes = best_measure.choose("auto", dataset)
    assert found == measure and len(notes) == (measure == "macro-f1")
    assert not notes or notes[0].startswith("Class a has less than a tenth")
    assert best_measure.choose("loss", dataset) == ("loss", [])


@pytest.mark.parametrize(
    ("measure", "best"), [("accuracy", 0), ("macro-f1", 1), ("loss", 2), ("auto", 0)]
)
def test_the_best_model_is_the_one_with_the_best_measure(measure, best, monkeypatch, tmp_path):
    """Of three evaluations, each is best by another measure."""
    config = small_runs.config(best_by=measure)
    setup = drain(preparation.prepare(config, tmp_path / "c", "c"))
    state = TrainingState.begin(setup)
    results = [(0.3, 0.9, 0.5), (0.3, 0.8, 0.7), (0.1, 0.8, 0.5), (0.3, 0.9, 0.5)]

    def evaluate(*_: object) -> evaluation.Task[tuple[Evaluation, torch.Tensor, tuple[()]]]:
        yield from ()
        result = Evaluation("val", state.step, 0.0, 0.0, 0, *results[state.step])
        return result, torch.zeros(1), ()

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    for state.step in range(len(results)):
        drain(evaluation.validate(setup, state, None))  # type: ignore[arg-type]
    assert state.best is not None and state.best.step == best
    assert preparation.facts(setup)["best_by"] == measure.replace("auto", "accuracy")


def test_the_gradients_of_the_parts_of_a_weighted_batch_add_up_to_those_of_the_whole(tmp_path):
    config = small_runs.config(class_weights="balanced", word_dropout=0.0, precision="fp32")
    setup = drain(preparation.prepare(config, tmp_path / "c", "c"))
    batch = setup.train_rows[:13]
    classifier = drain(evaluation.classifiers(setup, setup.model))[config.truncation]
    found = []
    for parts, halves in ((1, False), (4, False), (1, True)):
        state = TrainingState.begin(setup)
        bound = replace(classifier, network=state.model, halves=halves)
        state.parts = parts
        sums = loop._backward(setup, state, bound, map, batch, batch)
        found.append([sums, *(weight.grad for weight in state.trained_weights)])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-6, rtol=1e-4)
    labels = setup.train.labels[batch]
    weights = setup.class_weights
    assert weights is not None
    scores = classifier.scores(batch)
    losses = torch.nn.functional.cross_entropy(scores, labels, reduction="none")
    assert found[0][0][0].item() == pytest.approx((losses * weights[labels]).sum().item(), rel=1e-5)
    of_training = weights[setup.train.labels[setup.train_rows]]
    assert of_training.mean().item() == pytest.approx(1, abs=1e-6)


def test_weights_of_an_unknown_class_are_refused_before_anything_is_recorded():
    with pytest.raises(Exception, match="'Negative', which is no class of this data; did you mean"):
        check_config(FineTuneConfig(class_weights="Negative=2"))


@pytest.mark.slow
def test_a_snapshot_of_an_earlier_version_resumes_by_accuracy():
    """It knows neither macro F1 nor weights, and its record no measure."""
    config = small_runs.config(best_by="accuracy")
    run_id = paused_runs.paused(config)
    file = snapshots.path(checkpoints.run_path(run_id))
    with safe_open(file, "pt") as stored:
        values = json.loads(stored.metadata()["state"])
    assert values["best"].pop("macro_f1") > 0
    for kind, point in values["points"]:
        assert kind != "Evaluation" or point.pop("macro_f1") is not None
    settings = tracking.run(run_id).config.to_dict()
    for name in ("class_weights", "best_by"):
        del values["settings"][name], settings[name]
    save_file(load_file(file), file, {"state": json.dumps(values)})
    client, _ = store.connect()
    client.set_tag(run_id, store.tag("config"), json.dumps(settings))
    assert paused_runs.execute(run_id) == "finished"
    assert tracking.run(run_id).facts["best_by"] == "accuracy"
    paused_runs.assert_same_outcome(paused_runs.finished(config), run_id)


@pytest.mark.slow
def test_a_weighted_run_resumes_bit_for_bit():
    config = small_runs.config(class_weights="balanced", best_by="macro-f1", mode="lp-ft")
    run_id = paused_runs.paused(config)
    assert paused_runs.execute(run_id) == "finished"
    paused_runs.assert_same_outcome(paused_runs.finished(config), run_id)


def test_notes_say_the_weights_and_the_measure():
    task = preparation.prepare(small_runs.config(class_weights="balanced"), paths.home(), "c")
    notes = drain(task).notes
    assert any(note.startswith("Weights in the loss: negative 5") for note in notes)
