"""Checks after a soak: no run is lost, and interrupted runs end with the very same weights."""

from collections import defaultdict
from dataclasses import replace
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


def lost_runs(expected: set[str]) -> dict[str, str]:
    """Runs that were lost, with the reason, once all have ended; the expected ones are listed."""
    lost = {}
    for run_id, status in statuses().items():
        run = tracking.run(run_id)
        if status not in ENDED:
            lost[run_id] = f"is {status}: {run.message}"
        elif snapshots.path(checkpoints.run_path(run_id)).exists():
            lost[run_id] = "has ended, and its snapshot is still there"
        elif run.config.mode not in REFERENCES and (
            status == "finished" or "best_step" in run.metrics
        ):
            try:
                checkpoint_files.load_model(checkpoints.find(run_id))
            except UnfreezeError as error:
                lost[run_id] = f"is {status}, and its model cannot be loaded: {error}"
    return lost | dict.fromkeys(expected - statuses().keys(), "is not listed")


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
