"""Checks after a soak: no run is lost, and interrupted runs end with the very same weights."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ftcore import tracking
from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import execution
from ftcore.training import snapshots

if TYPE_CHECKING:  # torch must not be imported before ftcore has set how its threads wait
    from torch import Tensor

ENDED = ("finished", "stopped")
LIVE = ("queued", "running")
RESUMABLE = ("paused", "interrupted")
SNAPSHOT_LEFT = "has ended, and its snapshot is still there"


@dataclass
class ExpectedRuns:
    """Runs that visitors started, and those that they asked to discard."""

    started: set[str] = field(default_factory=set)
    discarded: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, run_id: str) -> None:
        with self._lock:
            self.started.add(run_id)

    def discard(self, run_id: str) -> None:
        with self._lock:
            self.discarded.add(run_id)

    def missing(self) -> set[str]:
        """Runs that are no longer listed though no visitor discarded them."""
        with self._lock:
            return self.started - self.discarded - set(tracking.runs()["run_id"])


def lost_runs(expected: ExpectedRuns) -> dict[str, str]:
    """Runs that were lost, with the reason, once all have ended."""
    lost = {run_id: "is not listed" for run_id in expected.missing()}
    for run_id, status in statuses().items():
        if status not in ENDED:
            lost[run_id] = f"is {status}: {_message(run_id)}"
        elif reason := _unusable(run_id, status):
            lost[run_id] = reason
        elif snapshots.path(checkpoints.run_path(run_id)).exists():
            lost[run_id] = SNAPSHOT_LEFT
    return lost


def statuses() -> dict[str, str]:
    """Every recorded run with its status."""
    table = tracking.runs()
    return dict(zip(table["run_id"], table["status"], strict=True))


def finished_by_config() -> dict[FineTuneConfig, list[str]]:
    """The finished trainings that have the same settings but for their names."""
    groups = defaultdict(list)
    for run_id, status in statuses().items():
        config = tracking.run(run_id).config
        if status == "finished" and config.mode not in REFERENCES:
            groups[replace(config, name="")].append(run_id)
    return dict(groups)


def differing_runs(config: FineTuneConfig, run_ids: list[str]) -> dict[str, str]:
    """Runs that differ from one of the same config that is trained now without interruption."""
    undisturbed = tracking.create_run(config)
    for _ in execution.execute(undisturbed, execution.EndRequest()):
        pass
    weights, metrics = _outcome(undisturbed)
    differing = {}
    for run_id in run_ids:
        own_weights, own_metrics = _outcome(run_id)
        names = [name for name in weights if not weights[name].equal(own_weights[name])]
        names += [name for name in metrics if metrics[name] != own_metrics[name]]
        if names:
            differing[run_id] = f"differs from {undisturbed} in {', '.join(names)}"
    return differing


def _outcome(run_id: str) -> tuple[dict[str, "Tensor"], dict[str, float | None]]:
    metrics = tracking.run(run_id).metrics
    names = ("val_accuracy", "test_accuracy", "best_step")
    model = checkpoint_files.load_model(checkpoints.find(run_id))
    return model.state_dict(), {name: metrics.get(name) for name in names}


def _unusable(run_id: str, status: str) -> str:
    """Why an ended run that should have a model has none that loads; empty if all is well."""
    run = tracking.run(run_id)
    if run.config.mode in REFERENCES or (status == "stopped" and "best_step" not in run.metrics):
        return ""
    try:
        checkpoint_files.load_model(checkpoints.find(run_id))
    except UnfreezeError as error:
        return f"is {status}, and its model cannot be loaded: {error}"
    return ""


def _message(run_id: str) -> str:
    try:
        return tracking.run(run_id).message
    except UnfreezeError as error:
        return str(error)
