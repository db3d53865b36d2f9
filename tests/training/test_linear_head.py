"""The best last layer on frozen features, and LP-FT, which starts from it."""

import contextlib
import math

import pytest
import torch
import torch.nn.functional as F

from ftcore import paths, tracking
from ftcore.baselines import linear_probe
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Resumable, drain
from ftcore.exchange import huggingface
from ftcore.runs import execution
from ftcore.training import cached_features, linear_head, loop, preparation, row_classifier
from ftcore.training.state import TrainingState
from tests.helpers import paused_runs, small_encoders, small_runs


@pytest.fixture
def base():
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base").ref


def points(classes, separation, count=200):
    """Texts of `classes` overlapping classes as inputs, float64 [count, 5], and their labels."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = separation * torch.randn(classes, 5, generator=generator, dtype=torch.double)
    noise = torch.randn(count, 5, generator=generator, dtype=torch.double)
    return centres[labels] + noise, labels


@pytest.mark.parametrize("classes", [2, 3])
def test_the_smallest_penalty_ends_at_the_minimum_of_the_softmax_loss(classes, monkeypatch):
    monkeypatch.setattr(linear_head, "PENALTIES", (1e-2, 1e-9))
    inputs, labels = points(classes, 1.0)
    weight, bias = drain(linear_head.best_layer(inputs, labels, inputs, labels, classes))
    weight.requires_grad_(), bias.requires_grad_()
    loss = F.cross_entropy(F.linear(inputs, weight, bias), labels)
    loss.backward()
    assert weight.grad.abs().max() < 1e-4 and bias.grad.abs().max() < 1e-4
    assert loss < math.log(classes)


@pytest.mark.parametrize("present", [[2], [0, 2]])
def test_a_class_without_a_training_text_is_never_answered(present):
    inputs, labels = points(3, 1.0)
    known = torch.isin(labels, torch.tensor(present))
    train, train_labels = inputs[known], labels[known]
    layer = drain(linear_head.best_layer(train, train_labels, inputs, labels, 3))
    probabilities = F.linear(inputs, *layer).softmax(1)
    missing = [label for label in range(3) if label not in present]
    assert probabilities[:, missing].max() <= 1.001e-9
    assert all(weight.isfinite().all() for weight in layer)


def test_the_head_of_a_model_gives_the_scores_of_the_fit(base, monkeypatch, tmp_path):
    """It reads features as they are; the fit reads standardised ones."""
    fitted = []
    best_layer = linear_head.best_layer

    def recorded(inputs, labels, val_inputs, *rest):
        layer = yield from best_layer(inputs, labels, val_inputs, *rest)
        fitted.append(F.linear(val_inputs, *layer))
        return layer

    monkeypatch.setattr(linear_head, "best_layer", recorded)
    config = FineTuneConfig(checkpoint=base, mode="lp-ft", limit=200, device="cpu")
    setup = drain(preparation.prepare(config, tmp_path / "c", "c"))
    classifier = drain(linear_head.fit_last_layer(setup, setup.model))
    scores = drain(classifier.predict(setup.val_rows, "evaluating"))
    torch.testing.assert_close(scores.double(), fitted[0], atol=1e-4, rtol=0)
    assert scores.std() > 0.01


@pytest.fixture
def import_encoder(tmp_path):
    def import_encoder(family):
        folder = small_encoders.write_folder(tmp_path / family, family)
        return drain(huggingface.import_encoder(str(folder))).ref

    return import_encoder


def first_evaluation(task):
    with contextlib.closing(task):
        return next(event for event in task if isinstance(event, Evaluation))


@pytest.mark.parametrize(
    ("checkpoint", "settings"),
    [
        ("starter", {"limit": 1000, "max_length": 48}),
        ("bert", {}),
        ("bert", {"pooling": "first", "precision": "bf16"}),
        pytest.param("roberta", {"pooling": "first"}, marks=pytest.mark.slow),
    ],
)
def test_the_first_evaluation_is_that_of_the_linear_probe(
    checkpoint, settings, import_encoder, tmp_path
):
    """Same features, same fit, same head; with `first` on what a family's head leaves its last layer."""
    ref = checkpoint if checkpoint == "starter" else import_encoder(checkpoint)
    values = {"checkpoint": ref, "limit": 300, "max_length": 32, "device": "cpu", **settings}
    probe = FineTuneConfig(mode="linear-probe", **values)
    probed = first_evaluation(linear_probe.measure(probe))
    setup = drain(preparation.prepare(FineTuneConfig(mode="lp-ft", **values), tmp_path / "c", "c"))
    state = TrainingState.begin(setup)
    began = first_evaluation(loop.train(setup, state))
    assert (began.step, began.examples) == (0, 0) and began.seconds > 0
    assert began.accuracy == probed.accuracy
    assert began.loss == pytest.approx(probed.loss, abs=1e-6)
    whole = row_classifier.whole_model(state.model, setup.train, setup.config.truncation, "fp32")
    scores = drain(whole.predict(setup.val_rows, "evaluating"))
    loss = F.cross_entropy(scores, setup.train.labels[setup.val_rows])
    assert loss.item() == pytest.approx(probed.loss, abs=0.02)  # the head is part of the model


@pytest.mark.parametrize("limit", [1, 4])
def test_a_few_texts_are_enough(base, limit):
    run_id = paused_runs.finished(FineTuneConfig(checkpoint=base, mode="lp-ft", limit=limit))
    run = tracking.run(run_id)
    assert run.metrics["train_seconds"] > 0
    assert sum("Fitting the last layer first took" in note for note in run.notes) == 1


def test_features_that_are_no_numbers_end_a_run_with_a_sentence(base, monkeypatch):
    compute = cached_features.compute

    def overflowing(*arguments):
        return (yield from compute(*arguments)) * math.inf

    monkeypatch.setattr(cached_features, "compute", overflowing)
    run_id = tracking.create_run(FineTuneConfig(checkpoint=base, mode="lp-ft"))
    assert paused_runs.execute(run_id) == "failed"
    assert "no number before the first step" in tracking.run(run_id).message


@pytest.mark.slow
def test_a_run_with_a_snapshot_resumes_without_the_fit_bit_for_bit(monkeypatch):
    small_runs.small_sample(monkeypatch)
    config = small_runs.config(mode="lp-ft", train_embeddings=True, dropout=0.1)
    undisturbed = paused_runs.finished(config)
    run_id, request = tracking.create_run(config), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Resumable):
            request.action = "pause"
    with monkeypatch.context() as changed:
        changed.delattr(linear_head, "fit_last_layer")
        assert paused_runs.execute(run_id) == "finished"
    paused_runs.assert_same_outcome(undisturbed, run_id)
    metrics, first = tracking.run(run_id).metrics, tracking.run(undisturbed).metrics
    assert metrics["features_seconds"] == first["features_seconds"]
