"""One run, read from its record."""

import functools
import json
import math
import socket
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

from ftcore import people
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Phase
from ftcore.tracking import leases
from ftcore.tracking.claims import is_claimed, lock_file
from ftcore.tracking.records import Record
from ftcore.tracking.store import FORMAT, tag, whole_tag

STALE_SECONDS = 120  # a run on another machine without a heartbeat for so long is interrupted
_heartbeats: dict[
    str, tuple[str, float]
] = {}  # the last of each run elsewhere, and when it arrived


class UnreadableRun(UnfreezeError):
    """The record of a run is invalid: the run can only be deleted."""


@dataclass(frozen=True)
class Run:
    """The record of a run."""

    run_id: str
    name: str
    status: str
    message: str
    config: FineTuneConfig
    facts: dict[str, Any]  # see `training.preparation.facts`
    notes: list[str]
    phase: str
    phase_done: float
    phase_total: float | None
    phase_unit: str
    phase_seconds: float  # from the beginning of the phase to this progress
    metrics: dict[str, float]
    created: datetime
    host: str
    pid: int
    experiment: str = ""  # the id of its experiment
    experiment_name: str = ""
    place: float = 0.0  # in the queue: lower places run first
    person: str = people.SOMEONE  # who asked for it; see `ftcore.people`
    imported: str = ""  # its id in the home that it comes from
    self_trained: bool = False  # in records of earlier versions; such a run cannot be resumed
    worker: str = "local"  # that executes it, or did: "local" or "ray"
    node: str = ""  # where, for users; the host's name, and with Ray the node's id
    claimed: bool = False  # a live process has claimed it; False while it waits in the queue
    lost: bool = False  # it ran, and its process is gone without having recorded an end
    losses: int = 0  # how often that happened since it was last queued by a user

    @property
    def final_metrics(self) -> dict[str, float]:
        """Those that were recorded at its end, without the last points of its curves."""
        return {name: value for name, value in self.metrics.items() if "/" not in name}

    @property
    def live(self) -> bool:
        return self.status in ("queued", "running")

    @property
    def priority(self) -> str:
        return self.config.priority

    @property
    def resumable(self) -> bool:
        return self.status in ("paused", "interrupted")

    @property
    def revision(self) -> str:
        """Changes when a paused, interrupted or stopped run is resumed and ends again."""
        return f"{self.status} {self.metrics.get('seconds', 0.0)}"


def from_record(record: Record) -> Run:
    """Read a run. Raises UnfreezeError if a newer version wrote it, UnreadableRun if it is invalid."""
    tags = {key.removeprefix("unfreeze."): value for key, value in record.tags.items()}
    try:
        if int(tags.get("format", FORMAT)) <= FORMAT:
            return _from_tags(record, tags)
    except (ValueError, TypeError, KeyError, AttributeError, UnfreezeError) as error:
        raise UnreadableRun(
            f"The record of {record.name} cannot be read; delete this run, or open it with the version of "
            f"Unfreeze that wrote it ({tags.get('version', 'unknown')})."
        ) from error
    raise UnfreezeError(
        f"{record.name} was written by a newer version of Unfreeze; update to open it."
    )


def current_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts with a list of labels; earlier versions joined the labels by commas."""
    labels = facts.get("labels")
    return facts | {"labels": labels.split(", ")} if isinstance(labels, str) else facts


def _from_tags(record: Record, tags: dict[str, str]) -> Run:
    config, self_trained = _settings(tags["config"])
    progress = json.loads(tags.get("phase_progress") or "{}")
    total = progress.get("total")
    phase = tags.get("phase", "waiting")
    with_process = has_process(record)
    claimed = with_process and is_claimed(record)
    status, message = tags.get("status", "failed"), tags.get("message", "")
    if with_process and not claimed and _is_lost(record, tags):  # whatever it last recorded
        status, message = "interrupted", "The process of this run ended; the run can be resumed."
    facts = current_facts(json.loads(whole_tag(tags, "facts", "{}")))
    dataset = datasets.as_recorded(config.dataset)
    if dataset != config.dataset:
        config = replace(config, dataset=dataset)
    if "steps_per_epoch" in facts and (config.budgeted or config.steps):
        config = config.with_steps(facts["steps"], facts["steps_per_epoch"])
    return Run(
        run_id=record.run_id,
        name=record.name,
        status=status,
        message=message,
        config=config,
        facts=facts,
        notes=json.loads(whole_tag(tags, "notes", "[]")),
        phase=phase if phase in get_args(Phase) else "waiting",  # of another version
        phase_done=float(progress.get("done", 0)),
        phase_total=None if total is None else float(total),
        phase_unit=str(progress.get("unit", "")),
        phase_seconds=float(progress.get("seconds", 0)),
        metrics={  # without those of its last end while a resumed run goes on
            name: value
            for name, value in record.metrics.items()
            if "/" in name or status not in ("queued", "running")
        },
        created=record.created,
        host=tags.get("host", ""),
        pid=int(tags.get("pid", 0)),
        experiment=tags.get("experiment", ""),
        experiment_name=tags.get("experiment_name", ""),
        place=float(tags.get("place") or 0),
        person=tags.get("person") or people.SOMEONE,
        imported=tags.get("imported", ""),
        self_trained=self_trained,
        worker=tags.get("worker", "local"),
        node=tags.get("node") or tags.get("host", ""),
        claimed=claimed,
        lost=status == "interrupted" and tags.get("status") == "running",
        losses=int(tags.get("losses") or 0),
    )


@functools.lru_cache(maxsize=4096)
def _settings(text: str) -> tuple[FineTuneConfig, bool]:
    """The recorded settings, and whether the run trained itself; lists of runs are read every second."""
    settings = json.loads(text)
    return FineTuneConfig.from_record(settings), bool(settings.get("self_training"))


def has_process(record: Record) -> bool:
    """Whether a process works on the run or will, by its tags; what has a place waits for any process."""
    status = record.tags.get(tag("status"))
    return status == "running" or (status == "queued" and not record.tags.get(tag("place")))


def _is_lost(record: Record, tags: dict[str, str]) -> bool:
    """Whether the process of an unclaimed run is gone, or was never seen for too long."""
    was_local = tags.get("host") == socket.gethostname() and lock_file(record.run_id).exists()
    was_claimed = was_local or leases.was_claimed(record)
    return was_claimed or _is_silent(record.run_id, tags.get("heartbeat", "0"))


def _is_silent(run_id: str, heartbeat: str) -> bool:
    """Whether another machine has sent no heartbeat for a while: the time that it last recorded.

    Its clock or ours may be wrong, by hours and either way, so a heartbeat that arrives while this process
    looks on counts, whatever time it names.
    """
    known, arrived = _heartbeats.get(run_id, (heartbeat, -math.inf))
    if heartbeat != known:
        arrived = time.monotonic()
    _heartbeats[run_id] = heartbeat, arrived
    silent = time.monotonic() - arrived > STALE_SECONDS
    return silent and abs(time.time() - float(heartbeat)) > STALE_SECONDS
