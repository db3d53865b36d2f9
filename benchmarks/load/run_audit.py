"""Checks after a soak: no run is lost, and interrupted runs end with the very same weights."""

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoint_files, checkpoints
from ftcore.modes import REFERENCES
from ftcore.runs import execution
from ftcore.training import snapshots

if TYPE_CHECKING:  # torch must not be imported before ftcore has set how its threads wait
    from torch import Tensor

ENDED = ("finished", "stopped")
LIVE = ("queued", "running")
RESUMABLE = ("paused", "interrupted")
REFUSAL = "checkpoint it starts from is not what this run began with"


class Same(NamedTuple):
    """What runs have in common that must end alike: settings but for the name, and where they start."""

    config: FineTuneConfig
    parent: str
    """The fingerprint of the weights."""

    @property
    def can_be_repeated(self) -> bool:
        """Whether the checkpoint that they start from is there and is what it was."""
        return self.parent == _parent_fingerprint(self.config)


def lost_runs(expected: set[str], deleted: set[str]) -> dict[str, str]:
    """Runs that were lost, with the reason, once all have ended; the expected ones are listed.

    `deleted`: runs whose checkpoint was deleted. A run may be refused if the one it starts from changed.
    """
    lost = {}
    for run_id, status in statuses().items():
        run = tracking.run(run_id)
        if was_refused(run_id):
            if same(run_id).can_be_repeated:
                lost[run_id] = "was refused, and the checkpoint it starts from is what it was"
        elif status not in ENDED:
            lost[run_id] = f"is {status}: {run.message}"
        elif snapshots.path(checkpoints.run_path(run_id)).exists():
            lost[run_id] = "has ended, and its snapshot is still there"
        elif (
            run.config.mode not in REFERENCES
            and run_id not in deleted
            and (status == "finished" or "best_step" in run.metrics)
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


def was_refused(run_id: str) -> bool:
    """Whether a run waits for the checkpoint that it began with."""
    run = tracking.run(run_id)
    return run.status == "interrupted" and REFUSAL in run.message


def same(run_id: str) -> Same:
    run = tracking.run(run_id)
    parent = run.facts.get("parent_fingerprint", "")  # a run that never started has none
    return Same(replace(run.config, name=""), parent)


def finished_alike(deleted: set[str]) -> dict[Same, list[str]]:
    """The finished trainings that must have ended alike, but for those with deleted checkpoints."""
    groups = defaultdict(list)
    for run_id, status in statuses().items():
        if status == "finished" and run_id not in deleted:
            group = same(run_id)
            if group.config.mode not in REFERENCES:
                groups[group].append(run_id)
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


def _parent_fingerprint(config: FineTuneConfig) -> str:
    """The fingerprint of the checkpoint that these settings start from; empty if it is not there."""
    try:
        return checkpoints.find(config.checkpoint).weights_fingerprint
    except UnfreezeError:
        return ""


def _outcome(run_id: str) -> tuple[dict[str, "Tensor"], dict[str, float | None]]:
    metrics = tracking.run(run_id).metrics
    names = ("val_accuracy", "test_accuracy", "best_step")
    model = checkpoint_files.load_model(checkpoints.find(run_id))
    return model.state_dict(), {name: metrics.get(name) for name in names}
