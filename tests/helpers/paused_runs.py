"""Recorded runs that are paused and resumed, and the check that this changes nothing."""

import pandas as pd
import torch

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import execution
from ftcore.training import snapshots
from tests.helpers.waiting import wait_for


def execute(run_id: str, pause_after: int | None = None) -> str:
    """Execute a run, paused after so many events if given; returns its status."""
    request = execution.EndRequest()
    for number, _ in enumerate(execution.execute(run_id, request)):
        if number == pause_after:
            request.action = "pause"
    return tracking.run(run_id).status


def finished(config: FineTuneConfig) -> str:
    """The id of a run that was never paused."""
    run_id = tracking.create_run(config)
    assert execute(run_id) == "finished"
    return run_id


def paused(config: FineTuneConfig) -> str:
    """The id of a run that was paused while it trained."""
    run_id = tracking.create_run(config)
    assert execute(run_id, pause_after=20) == "paused"
    return run_id


def weights(run_id: str) -> dict[str, torch.Tensor]:
    return checkpoint_files.load_model(checkpoints.find(run_id)).state_dict()


def assert_same_outcome(run_id: str, other: str) -> None:
    """Two finished runs have the same weights, curves and figures, bit for bit, and no snapshot left."""
    for table in (tracking.history, tracking.watched):
        curves, other_curves = (table(key).drop(columns="seconds") for key in (run_id, other))
        pd.testing.assert_frame_equal(curves, other_curves, check_exact=True)
    other_weights = weights(other)
    assert all(weight.equal(other_weights[name]) for name, weight in weights(run_id).items())
    for figure in ("val_accuracy", "test_accuracy", "best_step"):
        assert tracking.run(run_id).metrics[figure] == tracking.run(other).metrics[figure]
    # Another process removes it after it has recorded the end.
    wait_for(lambda: not snapshots.path(checkpoints.run_path(other)).exists())
