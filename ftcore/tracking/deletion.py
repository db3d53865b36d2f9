"""What depends on a checkpoint, and the deletion of runs and checkpoints on which nothing depends."""

import contextlib
import shutil
from dataclasses import dataclass
from typing import Any

from ftcore import paths
from ftcore.data import datasets
from ftcore.data.store import card, editing
from ftcore.data.store.card import Card
from ftcore.errors import UnfreezeError
from ftcore.events import Task, drain
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import scratch, shared, shared_runs
from ftcore.tracking import logged_models, reader
from ftcore.tracking.run_record import Run, UnreadableRun
from ftcore.tracking.store import connect, tag


@dataclass(frozen=True)
class Dependents:
    """What could no longer be used, or finished, without some checkpoints."""

    runs: list[Run]
    """Not over: they made one of the checkpoints, or start from it and read it again when resumed."""
    checkpoints: list[Checkpoint]
    """Their word vectors are those of one of the checkpoints."""

    def without_runs(self) -> "Dependents":
        """What ending runs does not change."""
        return Dependents([], self.checkpoints)

    def refuse(self, way_out: str = "finish or stop that first") -> None:
        """Raise UnfreezeError if there are any."""
        if self.checkpoints:
            names = ", ".join(checkpoint.title for checkpoint in self.checkpoints)
            raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
        if self.runs:
            names = ", ".join(f"{run.name} ({run.status})" for run in self.runs)
            raise UnfreezeError(f"This is still needed by {names}: {way_out}.")


def checkpoint_dependents(ref: str) -> Dependents:
    """What depends on a checkpoint; a finished run does not. Raises UnfreezeError if it stays anyway."""
    checkpoint = checkpoints.find(ref)
    if checkpoint.kind == "bundled":
        raise UnfreezeError(f"{checkpoint.title} came with Unfreeze and cannot be deleted.")
    return _dependents(ref)


def run_dependents(*run_ids: str) -> Dependents:
    """What depends on the checkpoints of runs, except for these runs."""
    found = _dependents(*run_ids)
    return Dependents([run for run in found.runs if run.run_id not in run_ids], found.checkpoints)


def delete_checkpoint(ref: str) -> None:
    """Delete an imported checkpoint or a run's. Raises UnfreezeError if something depends on it."""
    checkpoint_dependents(ref).refuse()
    checkpoint = checkpoints.find(ref)
    shutil.rmtree(checkpoint.path)
    if checkpoint.kind == "run" and shared.is_used():  # or it would be fetched again
        drain(shared_runs.publish(ref))


def dataset_dependents(name: str) -> Dependents:
    """What depends on a stored dataset: runs that are not over. Raises UsageError if there is none."""
    card.check_stored(name)
    unfinished = (run for run in reader.search() if run.live or run.resumable)
    return Dependents(
        [run for run in unfinished if datasets.without_version(run.config.dataset) == name], []
    )


def delete_dataset(name: str) -> None:
    """Delete a stored dataset. Raises UnfreezeError if a run depends on it."""
    dataset_dependents(name).refuse()
    card.delete(name)


def rename_dataset(name: str, new: str) -> None:
    """Give a stored dataset another name. Raises UnfreezeError if a run depends on it."""
    dataset_dependents(name).refuse()
    datasets.rename(name, new)


def edit_dataset(name: str, **changes: Any) -> Task[Card]:
    """Change a stored dataset, as `store.editing.edit` says. Raises UnfreezeError if a run depends on it."""
    dataset_dependents(name).refuse()
    return (yield from editing.edit(card.get(name), **changes))


def delete(*run_ids: str) -> None:
    """Delete runs and their files. Raises UnfreezeError if one is live, or something else depends on it."""
    for run_id in run_ids:
        with contextlib.suppress(UnreadableRun):
            if reader.run(run_id).live:
                raise UnfreezeError("This run is not over; stop it first.")
    run_dependents(*run_ids).refuse()
    for run_id in run_ids:
        shared_runs.delete(run_id)
        logged_models.delete_models(run_id)
        erase(run_id)


def erase(run_id: str) -> None:
    """Delete the files of a run, then its record: if that is interrupted, the run is still listed.

    Raises UnfreezeError, and deletes nothing, if the record cannot be written.
    """
    client, _ = connect()
    client.set_tag(run_id, tag("message"), "Its files are being deleted.")
    folder = paths.runs_dir() / run_id
    if folder.exists():
        with contextlib.suppress(OSError):
            scratch.discard(folder)
    client.delete_run(run_id)


def _dependents(*refs: str) -> Dependents:
    unfinished = (run for run in reader.search() if run.live or run.resumable)
    return Dependents(
        [run for run in unfinished if run.run_id in refs or run.config.checkpoint in refs],
        [
            checkpoint
            for checkpoint in checkpoints.list_checkpoints()
            if checkpoint.words in refs and checkpoint.ref not in refs
        ],
    )
