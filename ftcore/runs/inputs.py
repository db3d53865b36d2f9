"""What a run reads, for machines that share a storage in place of a folder: stored by one, fetched by others.

Datasets of users, downloads, imported checkpoints and the paths in its settings; a checkpoint of another run
is stored by that run.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore import paths, tracking, validation
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Task
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.runs.checks import check_resumable, source_task
from ftcore.storage import shared, shared_runs
from ftcore.storage.shared_runs import CHECKPOINTS, DATASETS, DOWNLOADS, Input

_GIVEN = ("source", "source_task_data", "vectors")  # settings that are paths


def store_all(run: tracking.Run) -> Task[None]:
    """Store what a run reads, and what it has left here before there was a storage.

    Nobody must execute it. Raises UnfreezeError, OSError.
    """
    if shared.is_used() and not shared_runs.has_inputs(run.run_id):
        yield from _store_run(run.run_id)
        yield from store(run)


def store(run: tracking.Run) -> Task[None]:
    """Store what a run reads, unless the storage has it. Raises UnfreezeError, OSError."""
    if not shared.is_used() or shared_runs.has_inputs(run.run_id):
        return
    yield from _store_run(run.config.checkpoint)
    found = [
        (Input(path, shared.tree_of(here).digest, identity, given), here)
        for path, here, identity, given in _found(run.config)
    ]
    yield from shared_runs.store_inputs(run.run_id, found)


def _store_run(ref: str) -> Task[None]:
    """Store the files of a run that lie here, if it is one, unless the storage has them."""
    if shared_runs.folder(ref).is_dir() and not shared_runs.is_published(ref):
        yield from shared_runs.publish(ref)


def fetch(run: tracking.Run) -> Task[None]:
    """Fetch what this machine lacks to begin a run, or to go on with it.

    Raises UnfreezeError if it cannot be had, or if something else has its name here; OSError.
    """
    if not shared.is_used():
        return
    yield from shared_runs.refresh(run.run_id, resume=True)
    for each in shared_runs.inputs(run.run_id):
        if _is_here(each):
            continue
        if each.here.exists() and not shared_runs.is_copy(each):
            raise UnfreezeError(
                f"{validation.printable(each.path)} of this machine is not what the run reads by this "
                "name: rename or remove it here."
            )
        yield from shared_runs.restore(each)


def fetch_to_resume(run: tracking.Run) -> Task[None]:
    """Fetch what is lacking of a run, and refuse it if it cannot succeed. Raises UnfreezeError."""
    yield from fetch(run)
    check_resumable(localized(run), run.facts)


def localized(run: tracking.Run) -> FineTuneConfig:
    """The settings of a run with the paths of what was fetched for it."""
    config = run.config
    for each in shared_runs.inputs(run.run_id) if shared.is_used() and _paths(config) else ():
        if each.given and each.here.exists():
            values: dict[str, Any] = {
                name: str(each.here) for name, path in _paths(config).items() if path == each.given
            }
            config = replace(config, **values)
    return config


def _paths(config: FineTuneConfig) -> dict[str, str]:
    return {name: getattr(config, name) for name in _GIVEN if getattr(config, name)}


def _found(config: FineTuneConfig) -> Iterator[tuple[str, Path, str, str]]:
    """What a run reads and lies here: its path below a home, where, its identity, and how it was given."""
    given = _paths(config)
    for path in dict.fromkeys(given.values()):
        here = validation.existing_path(path).resolve()
        yield f"{DOWNLOADS}given/{shared.tree_of(here).digest[:16]}/{here.name}", here, "", path
    for setting, name in (("source", config.dataset), ("source_task_data", source_task(config))):
        if name and datasets.find_spec(name).stored:
            path = f"{DATASETS}{datasets.without_version(name)}"
            yield path, paths.home() / path, _identity_of_dataset(name), ""
        elif name and setting not in given:
            for file in filter(Path.is_file, datasets.download_paths(name)):
                yield str(file.relative_to(paths.home())), file, "", ""
    if config.checkpoint not in ("", NEW_MODEL):
        parent = checkpoints.find(config.checkpoint)
        for each in {one.ref: one for one in (parent, checkpoints.words_owner(parent))}.values():
            if each.kind == "imported":
                yield f"{CHECKPOINTS}{each.ref}", each.path, _identity_of_checkpoint(each), ""


def _is_here(wanted: Input) -> bool:
    """Whether this machine has an input, here or where the settings name it."""
    if wanted.given:
        path = Path(wanted.given)
        return wanted.here.exists() or (
            path.exists() and shared.tree_of(path.resolve()).digest == wanted.digest
        )
    if wanted.path.startswith(DATASETS):
        return wanted.identity == _identity_of_dataset(wanted.identity.rpartition(" ")[0])
    if wanted.path.startswith(CHECKPOINTS) and wanted.here.exists():
        return wanted.identity == _identity_of_checkpoint(checkpoints.read(wanted.here))
    return wanted.here.exists()


def _identity_of_dataset(name: str) -> str:
    """The name and the fingerprint of a version of a dataset: later versions may be here."""
    spec = datasets.find(name)
    return f"{name} {spec.fingerprint if spec else ''}"


def _identity_of_checkpoint(checkpoint: Checkpoint) -> str:
    """What a run takes from a checkpoint: its title and its calibration may change."""
    parts = (checkpoint.words_fingerprint, checkpoint.vectors_fingerprint)
    return " ".join((*parts, checkpoint.weights_fingerprint))
