"""The length of a text in training, epoch by epoch, and in answers."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.experiments.grouping import unfair_differences
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs.checks import check_config
from ftcore.text.truncation import Truncation
from ftcore.training import cached_features, evaluation, loop, preparation, row_classifier
from ftcore.training.state import TrainingState
from tests.helpers import small_encoders, small_runs
from tests.helpers.paused_runs import assert_same_outcome, execute, finished

pytestmark = pytest.mark.slow

LONG = 24  # tokens of every text; the last ones alone tell the classes apart


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    texts = [" ".join(["the film is"] * 7 + words) for words in (["good"] * 3, ["bad", ".", "not"])]
    monkeypatch.setattr(small_runs, "TEXTS", texts * 2)
    return small_runs.small_sample(monkeypatch)


@pytest.fixture(params=["lesson", "encoder"])
def base(request, tmp_path):
    """A checkpoint of each kind."""
    if request.param == "lesson":
        return "base"
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    return drain(huggingface.import_encoder(str(folder))).ref


def config(**values: object) -> FineTuneConfig:
    small = {"tail_fraction": 0.0, "precision": "fp32", "limit": 64, "evaluations": 2, "epochs": 2}
    return small_runs.config(**small | values)


def prepare(settings: FineTuneConfig) -> preparation.TrainingSetup:
    return drain(preparation.prepare(settings, checkpoints.run_path("run"), "run"))


def trained_lengths(settings: FineTuneConfig, monkeypatch) -> list[int]:
    """The columns of every batch of the network in training, in order."""
    setup = prepare(settings)
    state, columns = TrainingState.begin(setup), []
    scores = row_classifier.RowClassifier.scores

    def record(self, rows, longest=None):
        if self.network.training:
            columns.append(self.inputs(rows, longest)[0].shape[1])
        return scores(self, rows, longest)

    monkeypatch.setattr(row_classifier.RowClassifier, "scores", record)
    drain(loop.train(setup, state))
    return columns


@pytest.mark.parametrize("mode", ["full", "last-layer"])
def test_a_run_that_reads_the_length_it_trains_at_is_the_same(mode):
    settings = config(mode=mode, epochs=1)
    assert_same_outcome(finished(settings), finished(replace(settings, read_length=16)))


@pytest.mark.parametrize("mode", ["full", "last-layer"])
def test_the_model_answers_at_the_read_length_wherever_it_answers(base, mode):
    run_id = finished(config(checkpoint=base, mode=mode, read_length=32))
    saved, run = checkpoints.find(run_id), tracking.run(run_id)
    assert saved.truncation == Truncation(32)
    setup = prepare(run.config)
    model = checkpoint_files.load_model(saved).eval()
    history = tracking.history(run_id)
    for split, tokens, rows in (
        ("val", setup.train, setup.val_rows),
        ("test", setup.test, torch.arange(len(setup.test))),
    ):
        with torch.inference_mode():
            scores = model(*tokens.batch(rows, Truncation(32)))
        recorded = history[history["split"] == split]
        if split == "val":
            recorded = recorded[recorded["step"] == run.metrics["best_step"]]
        loss = F.cross_entropy(scores, tokens.labels[rows]).item()
        assert recorded["loss"].iloc[-1] == pytest.approx(loss, abs=1e-5)
    answer = prediction.predict(run_id, small_runs.TEXTS[:1])[0]
    assert not answer.truncated and len(answer.tokens) >= LONG


def test_a_head_learns_from_features_of_the_training_length():
    """Features of training texts at one length, of validation texts at the other."""
    setup = prepare(config(mode="last-layer", read_length=32))
    classifiers = drain(evaluation.classifiers(setup, setup.model))
    for rows, length in ((setup.train_rows.sort().values, 16), (setup.val_rows, 32)):
        [features] = classifiers[Truncation(length)].inputs(rows, None)
        arguments = setup.model, setup.train, rows, Truncation(length), setup.precision
        expected = torch.from_numpy(drain(cached_features.compute(*arguments)))
        torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-5)


def test_a_linear_probe_reads_as_the_last_layer_does():
    run_id = finished(config(mode="last-layer", read_length=32))
    probe = finished(config(mode="linear-probe", read_length=32))
    assert tracking.run(run_id).metrics["features_kept"] == 0
    assert tracking.run(probe).metrics["features_kept"] == 1


def test_the_length_in_training_follows_the_epoch(monkeypatch):
    settings = config(epoch_lengths="8, 16,32", epochs=4, batch_size=32)
    assert settings.epoch_lengths == "8,16,32"
    lengths = trained_lengths(settings, monkeypatch)
    assert lengths == [8, 8, 16, 16, 32, 32, 32, 32]  # 24 tokens, padded to a multiple of 16


def test_batches_are_ordered_by_the_lengths_of_the_epoch(sample):
    setup = prepare(config(epoch_lengths="8,32"))
    classifiers = drain(evaluation.classifiers(setup, setup.model))
    assert set(classifiers) == {Truncation(8), Truncation(32), Truncation(16)}
    assert all((each.lengths <= length.length).all() for length, each in classifiers.items())


def test_a_run_with_lengths_by_epoch_resumes_within_an_epoch(base):
    settings = config(checkpoint=base, epoch_lengths="8,16", read_length=24)
    run_id = tracking.create_run(settings)
    for count in (9, 12):
        assert execute(run_id, pause_after=count) == "paused", tracking.run(run_id).message
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(settings), run_id)


@pytest.mark.parametrize(
    "values", [{"read_length": 65}, {"epoch_lengths": "64,65"}, {"max_length": 65}]
)
def test_a_length_that_the_model_cannot_read_is_one_sentence(values, tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    ref = drain(huggingface.import_encoder(str(folder))).ref
    option = "--" + next(iter(values)).replace("_", "-")
    with pytest.raises(UsageError, match=rf"reads at most 64 tokens: .*\({option}\)\.$"):
        check_config(FineTuneConfig(**{"checkpoint": ref, "max_length": 64} | values))


def test_runs_that_answer_at_other_lengths_are_no_fair_comparison():
    settings = ({"max_length": 8, "read_length": 24}, {"max_length": 16, "read_length": 24}, {})
    runs = [tracking.run(tracking.create_run(config(**values))) for values in settings]
    assert unfair_differences(runs[:2]) == {}
    assert unfair_differences(runs) == {"longest text in answers": ["24 tokens", "16 tokens"]}
