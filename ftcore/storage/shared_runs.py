"""The files of runs in the storage that machines share: what each leaves behind, and what it reads.

    runs/<run id>             the tree of its folder `artifacts`: checkpoint, snapshot, answers
    inputs/<run id>.json      what it reads, see `Input`
    data/<digest>             the tree of such an input, which several runs may have
    users/<digest>/<run id>   empty: this run needs that input

A machine that has a run's files keeps their list as they were stored, `.stored`. If the storage has another,
the run went on elsewhere, and the files are fetched anew.
"""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Task, drain
from ftcore.storage import files, scratch, shared
from ftcore.storage.shared import Tree

SNAPSHOT = "snapshot.safetensors"
DATASETS, CHECKPOINTS, DOWNLOADS = PLACES = ("datasets/", "checkpoints/", "downloads/")  # of inputs
LOOK_SECONDS = 10.0  # between two looks of a reader at a run in the storage
_FOLDER = "artifacts"
_STORED = ".stored"
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_looks: dict[Path, tuple[float, UnfreezeError | None]] = {}  # by folder: when, and what failed


@dataclass(frozen=True)
class Input:
    """Something that a run reads: a dataset, a checkpoint, a download or a file of the user."""

    path: str
    """Its path below the home of a machine."""
    digest: str
    """Of its tree."""
    identity: str = ""
    """What tells it from others of its name; "" if only the digest does."""
    given: str = ""
    """The path by which the settings name it."""

    @property
    def here(self) -> Path:
        return paths.home() / self.path


def folder(run_id: str) -> Path:
    """The folder of what a run leaves behind."""
    return paths.runs_dir() / run_id / _FOLDER


def publish(
    run_id: str, content: Path | None = None, check: Callable[[], None] = lambda: None
) -> Task[None]:
    """Store the files of a run in place of earlier ones: those in its folder, or in a copy of it.

    `check` is called before, and refuses by an error. Raises StorageUnavailable, OSError.
    """
    tree = yield from shared.send(f"runs/{run_id}", content or folder(run_id))
    check()
    with _locked(run_id):
        shared.commit(f"runs/{run_id}", tree)
        files.write(paths.runs_dir() / run_id / _STORED, tree.to_json())


def is_published(run_id: str) -> bool:
    """Whether the storage has files of a run. Raises StorageUnavailable."""
    return shared.find(f"runs/{run_id}") is not None


def refresh(run_id: str, resume: bool = False) -> Task[None]:
    """Fetch the files of a run that went on elsewhere; its snapshot only if it is to go on here.

    Raises StorageUnavailable, DamagedTree, OSError.
    """
    name, home = f"runs/{run_id}", paths.runs_dir() / run_id
    stored = _stored(run_id)
    if (
        not resume and stored and not _snapshot(stored) and _are_here(run_id, stored)
    ):  # it has ended
        return
    if not home.is_dir() and not is_published(run_id):
        return
    with _locked(run_id):
        tree, stored = shared.find(name), _stored(run_id)
        if tree is None:
            return
        left_out = set() if resume else _snapshot(tree)
        wanted = Tree({key: file for key, file in tree.files.items() if key not in left_out})
        if tree == stored and _are_here(run_id, wanted):
            return
        yield from _fetch(name, wanted, folder(run_id))
        files.write(home / _STORED, tree.to_json())


def bring(run_id: str) -> None:
    """Fetch what a reader of a run lacks, and the checkpoints that it needs; see `refresh`.

    While the storage cannot be used, a reader takes what is here. Raises UnfreezeError if that is nothing.
    """
    failure = drain(_bring(run_id))
    if failure and not folder(run_id).exists():
        raise failure


def bring_all(run_ids: Iterable[str]) -> Task[None]:
    """The same for several, before they are read; an error is raised when they are."""
    for run_id in run_ids:
        yield from _bring(run_id)


def _bring(run_id: str) -> Task[UnfreezeError | None]:
    """Fetch what a reader lacks, unless that was just tried; return why it failed."""
    if not (shared.is_used() and _RUN_ID.fullmatch(run_id)):
        return None
    looked, failure = _looks.get(folder(run_id), (-LOOK_SECONDS, None))
    if time.monotonic() - looked >= LOOK_SECONDS:
        failure = None
        try:
            yield from refresh(run_id)
            for each in inputs(run_id):
                if each.path.startswith(CHECKPOINTS) and not each.here.exists():
                    yield from restore(each)
        except UnfreezeError as error:
            failure = error
        _looks[folder(run_id)] = time.monotonic(), failure
    return failure


def bring_ended() -> None:
    """Fetch the files of one of the runs that have ended elsewhere. Raises StorageUnavailable."""
    for run_id in shared.names("runs"):
        if not folder(run_id).exists():
            with contextlib.suppress(shared.DamagedTree):  # a reader of that run is told
                tree = shared.find(f"runs/{run_id}")
                if tree and not _snapshot(tree):
                    bring(run_id)
                    return


def store_inputs(run_id: str, found: Sequence[tuple[Input, Path]]) -> Task[None]:
    """Store what a run reads, and where each of it lies here. Raises StorageUnavailable, OSError."""
    for each, path in found:
        shared.write(f"users/{each.digest}/{run_id}", b"")
        tree = yield from shared.send(f"data/{each.digest}", path)
        shared.commit(f"data/{each.digest}", tree)
    listed = json.dumps([asdict(each) for each, _ in found])
    shared.write(f"inputs/{run_id}.json", listed.encode())


def has_inputs(run_id: str) -> bool:
    """Whether what a run reads is stored. Raises StorageUnavailable."""
    return shared.read(f"inputs/{run_id}.json") is not None


def inputs(run_id: str) -> list[Input]:
    """What a run reads, as far as it is stored. Raises StorageUnavailable, DamagedTree."""
    listed = shared.read(f"inputs/{run_id}.json")
    try:
        found = [Input(**each) for each in json.loads(listed)] if listed else []
        if any(".." in each.path.split("/") or not each.path.startswith(PLACES) for each in found):
            raise ValueError("a path that leads elsewhere")
        return found
    except (ValueError, TypeError, AttributeError):
        raise shared.damaged("inputs", f"{run_id}.json") from None


def restore(wanted: Input) -> Task[None]:
    """Fetch an input, in place of another at its path. Raises StorageUnavailable, DamagedTree, OSError."""
    name = f"data/{wanted.digest}"
    tree = shared.find(name)
    if tree is None or tree.digest != wanted.digest:
        raise shared.damaged(name, shared.LIST)
    yield from _fetch(name, tree, wanted.here)
    if wanted.here.is_dir():
        files.write(wanted.here / _STORED, wanted.digest.encode())


def is_copy(wanted: Input) -> bool:
    """Whether what lies at the path of an input was fetched, and nobody has changed it since."""
    try:
        digest = (wanted.here / _STORED).read_text()
        return digest == shared.tree_of(wanted.here).digest
    except OSError:
        return False


def delete(run_id: str) -> None:
    """Delete what only this run needed from the storage. Raises StorageUnavailable."""
    if not shared.is_used():
        return
    for each in inputs(run_id):
        shared.delete(f"users/{each.digest}/{run_id}")
        if not shared.names(f"users/{each.digest}"):
            shared.delete(f"users/{each.digest}")
            shared.delete(f"data/{each.digest}")
    shared.delete(f"inputs/{run_id}.json")
    shared.delete(f"runs/{run_id}")


def _fetch(name: str, tree: Tree, target: Path) -> Task[None]:
    """Fetch a tree whole or not at all, in place of what is there."""
    with scratch.folder(target.parent) as temporary:
        new, old = temporary / "new", temporary / "old"
        (new / target.name).parent.mkdir()
        yield from shared.fetch(name, tree, new)
        with contextlib.suppress(FileNotFoundError):
            target.rename(old)
        (new / target.name).rename(target)


def _locked(run_id: str) -> FileLock:
    """Held while the files of a run here and their list in the storage are compared or replaced."""
    home = paths.runs_dir() / run_id
    home.mkdir(parents=True, exist_ok=True)
    return FileLock(home / f"{_STORED}.lock", thread_local=False)


def _stored(run_id: str) -> Tree | None:
    """The files of a run here, as they were stored or fetched."""
    try:
        return Tree.from_json((paths.runs_dir() / run_id / _STORED).read_bytes())
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _snapshot(tree: Tree) -> set[str]:
    """The key of the snapshot, if there is one: the run has not ended."""
    return {f"{_FOLDER}/{SNAPSHOT}"} & tree.files.keys()


def _are_here(run_id: str, tree: Tree) -> bool:
    return all((paths.runs_dir() / run_id / key).is_file() for key in tree.files)
