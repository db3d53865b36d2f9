"""What was started and thrown away in a soak, and whether the record of runs still knows of it."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ftcore import tracking
from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.training import snapshots

if TYPE_CHECKING:  # torch must not be imported before ftcore has said how its threads wait
    from torch import Tensor

ENDED = ("finished", "stopped")
LIVE = ("queued", "running")
RESTING = ("paused", "interrupted")


@dataclass
class Ledger:
    """Runs whose id somebody was given, and those that somebody asked to discard."""

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
        """Runs that nobody discarded, and that are listed no more."""
        with self._lock:
            return self.started - self.discarded - set(tracking.runs()["run_id"])


def lost(ledger: Ledger) -> dict[str, str]:
    """Run → how it was lost, when all has come to its end."""
    found = {run_id: "is not listed" for run_id in ledger.missing()}
    for run_id, status in statuses().items():
        if status not in ENDED:
            found[run_id] = f"is {status}: {_message(run_id)}"
        elif why := _unusable(run_id, status):
            found[run_id] = why
        elif snapshots.path(checkpoints.run_path(run_id)).exists():
            found[run_id] = f"is {status}, and its state is still there"
    return found


def statuses() -> dict[str, str]:
    """Every run of the record with its status."""
    table = tracking.runs()
    return dict(zip(table["run_id"], table["status"], strict=True))


def alike() -> dict[FineTuneConfig, list[str]]:
    """The finished trainings by what they were told."""
    found = defaultdict(list)
    for run_id, status in statuses().items():
        config = tracking.run(run_id).config
        if status == "finished" and config.mode not in REFERENCES:
            found[replace(config, name="")].append(run_id)
    return dict(found)


def unlike(config: FineTuneConfig, run_ids: list[str]) -> dict[str, str]:
    """Run → in what it differs from one of this config that is trained now and never interrupted."""
    undisturbed = tracking.create_run(config)
    for _ in execution.execute(undisturbed, execution.EndRequest()):
        pass
    weights, figures = _outcome(undisturbed)
    found = {}
    for run_id in run_ids:
        own_weights, own_figures = _outcome(run_id)
        different = [name for name in weights if not weights[name].equal(own_weights[name])] + [
            name for name in figures if figures[name] != own_figures[name]
        ]
        if different:
            found[run_id] = f"differs from {undisturbed} in {', '.join(different)}"
    return found


def _outcome(run_id: str) -> tuple[dict[str, "Tensor"], dict[str, float | None]]:
    metrics = tracking.run(run_id).metrics
    names = ("val_accuracy", "test_accuracy", "best_step")
    model = checkpoints.load_model(checkpoints.find(run_id))
    return model.state_dict(), {name: metrics.get(name) for name in names}


def _unusable(run_id: str, status: str) -> str:
    """Why the model of an ended run cannot be used; empty where it can, or where it need not."""
    run = tracking.run(run_id)
    if run.config.mode in REFERENCES or (status == "stopped" and "best_step" not in run.metrics):
        return ""
    try:
        checkpoints.load_model(checkpoints.find(run_id))
    except UnfreezeError as error:
        return f"is {status}, and its model cannot be loaded: {error}"
    return ""


def _message(run_id: str) -> str:
    try:
        return tracking.run(run_id).message
    except UnfreezeError as error:
        return str(error)
