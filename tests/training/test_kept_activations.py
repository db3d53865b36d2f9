"""Activations of frozen layers that are kept: a run with them equals one that computes them at every step."""

import pytest
import torch

from ftcore import memory, tracking
from ftcore.events import Evaluation, Noted, Step, drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs.train import train
from tests.helpers import small_encoders, small_runs
from tests.helpers.paused_runs import assert_same_outcome, execute, finished

pytestmark = pytest.mark.slow  # transformers takes seconds to import
MODES = [
    {"mode": "last-2"},
    {"mode": "gradual", "epochs": 2, "epoch_lengths": "8,16", "read_length": 24},
    {"mode": "custom", "groups": "head, layer 2"},
    {"mode": "last-2", "checkpoint": "base"},  # the lesson's model
]


@pytest.fixture(autouse=True)
def encoder(tmp_path, monkeypatch):
    small_runs.small_sample(monkeypatch)
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    drain(huggingface.import_encoder(str(folder)))


def config(**values):
    given = {"checkpoint": "small-bert", "limit": 60, "word_dropout": 0.0, "precision": "fp32"}
    return small_runs.config(**given | {"epochs": 2} | values)


def outcome(config):
    """The notes on frozen layers, the losses and accuracies, and the weights of a run."""
    events = []
    drain(train(config, checkpoints.run_path("run"), "run"), events.append)
    notes = [event.note for event in events if isinstance(event, Noted)]
    points = [event for event in events if isinstance(event, Step | Evaluation)]
    figures = torch.tensor([[point.step, point.loss, point.accuracy] for point in points])
    return notes, figures, checkpoint_files.load_model(checkpoints.find("run")).state_dict()


@pytest.mark.parametrize("values", MODES)
def test_losses_and_weights_are_those_of_the_plain_way(values, monkeypatch):
    [note], figures, weights = outcome(config(**values))
    assert " kept: " in note
    monkeypatch.setenv("UNFREEZE_ACTIVATIONS_GB", "0")
    [note], plain_figures, plain_weights = outcome(config(**values))
    assert "of 0 B, so every step computes them" in note
    torch.testing.assert_close(figures, plain_figures, atol=2e-6, rtol=0)
    torch.testing.assert_close(weights, plain_weights, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "full"},
        {"mode": "last-2", "dropout": 0.1},
        {"mode": "last-2", "checkpoint": "base", "word_dropout": 0.1},
        {"mode": "custom", "groups": "layer 3, embeddings"},
    ],
)
def test_nothing_is_kept_where_frozen_layers_give_something_else_at_each_step(values):
    assert outcome(config(**values))[0] == []


def test_a_resumed_run_goes_on_with_them_though_memory_is_scarce_by_then(monkeypatch):
    """The last digits of the activations depend on how they are computed."""
    settings = config(mode="last-2", precision="bf16")
    run_id = tracking.create_run(settings)
    assert execute(run_id, pause_after=30) == "paused"
    with monkeypatch.context() as patch:
        patch.setattr(memory, "activations_limit", lambda free: 0.0)
        assert execute(run_id) == "finished"
    [note] = [note for note in tracking.run(run_id).notes if "frozen" in note]
    assert " kept: " in note
    assert_same_outcome(finished(settings), run_id)
