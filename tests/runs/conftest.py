"""Fixtures of the tests of runs."""

import pytest

from ftcore import paths
from ftcore.runs import train
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.controlled_training import ControlledTraining


@pytest.fixture
def training(monkeypatch):
    """Replaces all training; interrupts it and shuts down the scheduler at the end."""
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    training = ControlledTraining()
    monkeypatch.setattr(train, "train", training)
    yield training
    scheduler.shutdown()
