"""Hands runs over to a worker in another process, and follows them by their record."""

import contextlib
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.events import (
    Event,
    Finished,
    Noted,
    Point,
    Progress,
    Started,
    Task,
)
from ftcore.runs import inputs, workers
from ftcore.runs.execution import EndRequest

POLL_SECONDS = 1.0
SUPERVISOR_SECONDS = 5.0  # between two looks whether a supervisor is alive


def hand_over(claims: Mapping[str, tracking.Claim]) -> Task[None]:
    """Queue claimed runs behind all others, in order, and release the claims.

    Raises UnfreezeError, and they can be resumed, if what they read cannot be stored for other machines.
    """
    try:
        for run_id in claims:
            yield from inputs.store_all(tracking.run(run_id))
    except UnfreezeError as error:
        for run_id, claim in claims.items():
            tracking.finish(run_id, Finished("interrupted", f"{error} Then resume the run."))
            claim.release()
        raise
    place = tracking.next_place()
    for number, (run_id, claim) in enumerate(claims.items()):
        tracking.enqueue(run_id, place + number)
        claim.release()
    workers.ensure_supervisor()


def follow(run_id: str, request: EndRequest, resumed: bool) -> Generator[Event, None, None]:
    """Yield the events of a run as its record shows them; the last is its end.

    A `resumed` run does not repeat what it had before. Once the `request` is set, the run is asked to end.
    Saved checkpoints and snapshots are not in the record.
    """
    record = _Record(run_id, resumed)
    asked = False
    looked = 0.0
    while True:
        if request.action and not asked:
            _ask_to_end(run_id, request)
            asked = True
        if time.monotonic() - looked > SUPERVISOR_SECONDS and not asked:
            workers.ensure_supervisor()
            looked = time.monotonic()
        try:
            yield from record.news()
        except tracking.RecordUnavailable as error:
            yield from record.trouble(str(error))
        except UnfreezeError:
            yield Finished("stopped", "The run was discarded.")
            return
        else:
            run = record.run
            if not run.live and not run.lost:
                yield Finished(run.status, run.message, run.final_metrics)  # type: ignore[arg-type]
                return
        time.sleep(POLL_SECONDS)


class _Record:
    """What a record has shown of a run so far."""

    def __init__(self, run_id: str, resumed: bool) -> None:
        self.run = tracking.run(run_id)
        self._facts: dict[str, Any] = {}
        self._notes = 0
        self._progress: Progress | None = None
        self._points = set(tracking.points(run_id)) if resumed else set[Point]()
        self._seen_once: set[Point] = set()
        self._trouble = ""

    def news(self) -> Iterator[Event]:
        self.run = run = tracking.run(self.run.run_id)
        if run.status == "queued":
            yield from self.trouble(run.message or tracking.supervision().problem)
            return
        self._trouble = ""
        if run.facts and not self._facts:
            self._facts, self._notes = run.facts, len(run.notes)
            yield Started(run.facts, tuple(run.notes))
        for note in run.notes[self._notes :] if self._facts else []:
            self._notes += 1
            yield Noted(note)
        yield from self._new_points(ended=not run.live and not run.lost)
        progress = Progress(run.phase, run.phase_done, run.phase_total, run.phase_unit)  # type: ignore[arg-type]
        if run.status == "running" and progress != self._progress and run.phase != "waiting":
            self._progress = progress
            yield progress

    def _new_points(self, ended: bool) -> list[Point]:
        """Points that two looks have shown: one may come while only half of a point can be read."""
        found = [point for point in tracking.points(self.run.run_id) if point not in self._points]
        points = found if ended else [point for point in found if point in self._seen_once]
        self._points.update(points)
        self._seen_once = set(found)
        return points

    def trouble(self, message: str) -> Iterator[Event]:
        """Say once why nothing happens."""
        if message and message != self._trouble:
            yield Noted(f"Waiting: {message}")
        self._trouble = message


def _ask_to_end(run_id: str, request: EndRequest) -> None:
    """Take a run off the queue, or ask its process to end it."""
    assert request.action
    run = tracking.run(run_id)
    if run.status == "queued":
        with contextlib.suppress(UnfreezeError):  # it begins just now
            claim = tracking.claim(run_id)
            if tracking.run(run_id).status == "queued":
                end = Finished("interrupted", "The program ended before this run began.")
                tracking.finish(run_id, end)
            claim.release()
            return
    if run.live:
        tracking.request_end(run_id, request.action)
