"""Executes one run in a Ray task, on whatever node that is."""

import socket
import time

from ftcore import __version__, paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Progress
from ftcore.formatting import percent
from ftcore.runs import execution, inputs
from ftcore.runs.checks import check_resumable
from ftcore.runs.execution import EndRequest, Executor
from ftcore.storage import files, shared, shared_runs

ROOM = 1_000_000  # bytes of disk, without which no run begins
SAY_SECONDS = 2.0  # between two notes in the record on what is being fetched


def execute_here(run_id: str, node_id: str, threads: int, gpus: float, version: str) -> str:
    """Execute a waiting run, as `resume` does; return why it cannot begin on this node, or nothing.

    gpus: those that Ray has reserved; of a part of one, no more than this part of its memory is used.
    """
    node = f"{socket.gethostname()} ({node_id[:8]})"
    if version != __version__:
        return f"{node} has Unfreeze {__version__}, the worker {version}: install the same version there."
    if not shared.is_used() and not (paths.runs_dir() / run_id).is_dir():
        return (
            f"{node} does not see the folder of the run below {paths.home()}: start Ray there with the "
            "UNFREEZE_HOME or the UNFREEZE_STORAGE that all machines share."
        )
    try:
        # Or a node whose disk is full would begin and interrupt one waiting run after the other.
        files.check_writable(paths.runs_dir() / run_id, ROOM)
    except UnfreezeError as error:
        return f"{node}: {error}"
    try:
        claim = tracking.claim(run_id)
    except tracking.RecordUnavailable as error:
        return f"{node}: {error}"
    except UnfreezeError:  # another process has it
        return ""
    try:
        run = tracking.run(run_id)
        if run.status != "queued":  # it was taken off meanwhile
            return ""
        if shared.is_used():
            _fetch(run, node)
        check_resumable(inputs.localized(run), run.facts)
        if 0 < gpus < 1:
            import torch

            torch.cuda.set_per_process_memory_fraction(gpus)
        request = EndRequest()
        for _ in execution.execute(run_id, request, claim, Executor("ray", node, threads)):
            pass
        if request.action == "discard":
            tracking.delete(run_id)
    except tracking.ClaimLost:  # another node goes on
        return ""
    except UnfreezeError as error:
        return f"{node}: {error}"
    finally:
        claim.release()
    return ""


def _fetch(run: tracking.Run, node: str) -> None:
    """Fetch what this machine lacks of a run, and say so in the record. Raises UnfreezeError."""
    if not tracking.is_ours(run.run_id) and not shared_runs.has_inputs(run.run_id):
        raise UnfreezeError(
            f"The data of the run are not in the storage yet; {run.host} stores them."
        )
    said = 0.0
    for event in inputs.fetch(run):
        if time.monotonic() - said > SAY_SECONDS and isinstance(event, Progress) and event.total:
            said = time.monotonic()
            tracking.say(
                run.run_id, f"{node} fetches its files: {percent(event.done / event.total)}."
            )
