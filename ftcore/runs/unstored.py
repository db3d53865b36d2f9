"""Runs that ended while the storage was away: their files lie on this machine alone until it is back.

Each has a file in its folder, with the end that this machine recorded. A run that has ended anew since is
another machine's.
"""

import contextlib
import json
from pathlib import Path

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Task
from ftcore.runs import inputs
from ftcore.storage import files, shared_runs
from ftcore.tracking import Run

_NAME = "unstored.json"


def remember(run_id: str, message: str) -> None:
    """Let a run that has ended be stored later; then its record says `message`. Raises UnfreezeError."""
    end = {"revision": tracking.run(run_id).revision, "message": message}
    files.write(_file(run_id), json.dumps(end).encode())


def forget(run_id: str) -> None:
    """The run goes on here, and is stored as it does."""
    _file(run_id).unlink(missing_ok=True)


def store_all() -> Task[None]:
    """Store what these runs left behind and what they read. Raises UnfreezeError, OSError."""
    run_ids = [file.parent.name for file in paths.runs_dir().glob(f"*/{_NAME}")]
    for run in tracking.find_runs(run_ids):
        if not run.live:
            yield from _store(run)


def _store(run: Run) -> Task[None]:
    try:
        claim = tracking.claim(run.run_id)
    except UnfreezeError:  # a process goes on with it
        return
    try:
        with contextlib.suppress(FileNotFoundError):  # another process has stored it meanwhile
            end = json.loads(_file(run.run_id).read_bytes())
            if tracking.run(run.run_id).revision == end["revision"]:
                yield from shared_runs.publish(run.run_id, check=claim.check)
                yield from inputs.store(run)
                tracking.say(run.run_id, end["message"])
            forget(run.run_id)
    finally:
        claim.release()


def _file(run_id: str) -> Path:
    return paths.runs_dir() / run_id / _NAME
