"""What users do with runs: submit, stop, pause, resume, discard. Pages share one `scheduler`."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Action, Finished, Task, drain
from ftcore.models import checkpoints
from ftcore.runs import execution, inputs, workers
from ftcore.runs.checks import check_config, check_resumable, refuse_unused_paths
from ftcore.runs.queue import Job, RunQueue, ThreadWorker, Worker
from ftcore.runs.ray_worker import RayWorker

POLL_SECONDS = 0.1
END_SECONDS = 60.0  # for a run to end its step, or a call into another library
RELEASE_SECONDS = 5.0  # for the process of a run that has ended to tidy up


class Scheduler:
    """Acts on the runs of a queue and starts the workers that execute them."""

    def __init__(self, queue: RunQueue, kinds: dict[workers.Kind, Worker]) -> None:
        self.queue = queue
        self._kinds = kinds
        self._started = False
        self._start_lock = threading.Lock()

    def start(self) -> None:
        """Start the workers and load what waits in the record; does nothing if already started."""
        with self._start_lock:
            if self._started:
                return
            worker = self._kinds[workers.kind()]
            self._started = True
            self.queue.open()
            worker.start()
        self.queue.load()
        _delete_obsolete_snapshots()

    def shutdown(self, timeout: float = 10.0) -> None:
        """Interrupt what runs in this process so that it can be resumed, and end the workers.

        What waits stays queued until the next start. `timeout`: seconds to wait per worker.
        """
        with self._start_lock:
            self._started = False
            self.queue.close()
        for worker in self._kinds.values():
            worker.join(timeout)

    def submit(self, config: FineTuneConfig, person: str = "") -> str:
        """Queue a run of a person, by default the user of this process, and return its id.

        Raises UnfreezeError if it is refused or not recorded.
        """
        workers.check()
        refuse_unused_paths(config)
        check_config(config)
        self.start()
        with self.queue.lock:
            place = tracking.next_place()
            run_id = tracking.create_run(config, place=place, person=person)
            self.queue.append(Job.of(tracking.run(run_id)))
        return run_id

    def submit_all(
        self,
        configs: Sequence[FineTuneConfig],
        experiment: str,
        experiment_name: str,
        person: str = "",
    ) -> list[str]:
        """Queue runs and return their ids. Raises UnfreezeError, and queues none, if one fails."""
        workers.check()
        refuse_unused_paths(*configs)
        for config in configs:
            check_config(config)
        self.start()
        claims = record_experiment(configs, experiment, experiment_name, person)
        try:
            with self.queue.lock:
                self._enqueue(claims, tracking.next_place())
        except BaseException:
            _withdraw(claims)
            raise
        return list(claims)

    def resume(self, *run_ids: str, fetch: Callable[[Task[None]], None] = drain) -> None:
        """Put paused or interrupted runs at the head of the queue: all or, with an error, none.

        fetch: carries out the task that fetches what this machine lacks of a run.
        """
        for run_id in run_ids:
            fetch(inputs.fetch(tracking.run(run_id)))
        with self.queue.lock:
            runs = [tracking.run(run_id) for run_id in run_ids]
            for run in runs:
                if not run.resumable:
                    raise UnfreezeError(
                        f"This run is {run.status}: only a paused or interrupted run can be resumed."
                    )
                check_resumable(inputs.localized(run), run.facts)
            self.start()
            claims = claim_unfinished(run_ids)
            try:
                self._enqueue(claims, self.queue.first_place() - len(runs), runs)
            except BaseException:
                for claim in claims.values():
                    claim.release()
                raise

    def stop(self, run_id: str) -> None:
        """End a run at its next step and keep its best model.

        A waiting run leaves the queue: it is paused if it had started before. A paused or interrupted run
        is ended. Raises UnfreezeError if the run waits in a command, or runs on another machine.
        """
        from ftcore.training import snapshots

        with self.queue.lock:
            event = Finished("stopped", "Taken off the queue before it started.")
            if snapshots.path(checkpoints.run_path(run_id)).exists():
                event = Finished("paused", "Taken off the queue; it can be resumed.")
            if self._leave_queue(run_id, event) or self._request_end(run_id, "stop"):
                return
            if _unclaimed(run_id).resumable:
                message = "Stopped before the first evaluation: no model was saved."
                tracking.finish(run_id, execution.ended(run_id, "stopped", message))
                snapshots.discard(checkpoints.run_path(run_id))

    def pause(self, run_id: str) -> None:
        """End a run at its next step so that it can be resumed; a waiting run leaves the queue.

        Raises UnfreezeError if the run waits in a command, or runs on another machine.
        """
        with self.queue.lock:
            event = Finished("paused", "Paused while queued; it can be resumed.")
            if not (self._leave_queue(run_id, event) or self._request_end(run_id, "pause")):
                _unclaimed(run_id)

    def discard(self, run_id: str) -> None:
        """End a run and delete it.

        Raises UnfreezeError if it waits in a command, runs on another machine, or something depends on it.
        """
        with self.queue.lock:
            tracking.run_dependents(run_id).refuse()
            event = Finished("stopped", "Discarded before it started.")
            if self._leave_queue(run_id, event) or not self._request_end(run_id, "discard"):
                _unclaimed(run_id)
                tracking.delete(run_id)

    def end(self, *run_ids: str) -> None:
        """Stop runs and wait until they have ended. Raises UnfreezeError if one cannot be ended now."""
        deadline = time.monotonic() + END_SECONDS
        for run_id in run_ids:
            # Off the queue, it may be paused.
            while (run := tracking.run(run_id)).live or run.resumable:
                self.stop(run_id)
                in_time = self.queue.join(run_id, END_SECONDS) and time.monotonic() < deadline
                if not in_time:
                    raise UnfreezeError(f"{run.name} has not ended yet; try again in a minute.")
                time.sleep(POLL_SECONDS)  # another process may execute it

    def delete_checkpoint(self, ref: str) -> None:
        """Delete a checkpoint, after ending the runs that need it. Raises UnfreezeError."""
        found = tracking.checkpoint_dependents(ref)
        found.without_runs().refuse()  # before a run is ended in vain
        self.end(*(run.run_id for run in found.runs))
        tracking.delete_checkpoint(ref)

    def delete_dataset(self, name: str) -> None:
        """Delete a stored dataset, after ending the runs that need it. Raises UnfreezeError."""
        self.end(*(run.run_id for run in tracking.dataset_dependents(name).runs))
        tracking.delete_dataset(name)

    def delete(self, *run_ids: str) -> None:
        """Delete runs, after ending those that start from them. Raises UnfreezeError."""
        found = tracking.run_dependents(*run_ids)
        found.without_runs().refuse()
        self.end(*(run.run_id for run in found.runs))
        tracking.delete(*run_ids)

    def health(self) -> dict[str, Any]:
        """Device, queue and the last failure. Raises UnfreezeError if the record cannot be used."""
        from ftcore import devices  # imports torch

        for error in list(self.queue.start_errors.values()):
            raise UnfreezeError(error)
        running, order = self.queue.running(), self.queue.order()
        queue = {"running": next(iter(running), None), "waiting": len(order) - len(running)}
        last_error = tracking.last_failure()
        return {"device": devices.describe(), "queue": queue, "last_error": last_error}

    def _enqueue(
        self,
        claims: dict[str, tracking.Claim],
        first_place: float,
        before: Sequence[tracking.Run] = (),
    ) -> None:
        """Queue claimed runs at successive places: all, or none if the record cannot be written.

        Then those that were recorded end again as they ended `before`, new ones as interrupted.
        """
        ends = {run.run_id: Finished(run.status, run.message) for run in before}  # type: ignore[arg-type]
        jobs, recorded = [], []
        try:
            for number, run_id in enumerate(claims):
                recorded.append(run_id)
                tracking.enqueue(run_id, first_place + number)
                jobs.append(Job.of(tracking.run(run_id)))
        except BaseException:
            for run_id in recorded:
                end = ends.get(run_id, Finished("interrupted", "Not queued."))
                with contextlib.suppress(UnfreezeError):
                    tracking.finish(run_id, end)
            raise
        for claim in claims.values():
            claim.release()
        for job in jobs:  # in order: an idle worker takes the first at once
            self.queue.append(job)

    def _leave_queue(self, run_id: str, event: Finished) -> bool:
        """Take a waiting run off the queue and record why; if that fails, it keeps its place.

        Returns False if the run does not wait, or begins just now.
        """
        if not _waits(run_id):
            return False
        try:
            claim = tracking.claim(run_id)
        except UnfreezeError:
            return False
        try:
            if not _waits(run_id):
                return False
            tracking.finish(run_id, event)
            self.queue.remove(run_id)
        finally:
            claim.release()
        return True

    def _request_end(self, run_id: str, action: Action) -> bool:
        """Ask a running run to end, here or in another process; False if its end is recorded already."""
        run = tracking.run(run_id)
        if not run.live:  # its process only tidies up, and looks for no request
            return False
        if self.queue.request_end(run_id, action):
            return True
        if run.status != "running" or not run.claimed:
            return False
        tracking.request_end(run_id, action)
        return True


def _waits(run_id: str) -> bool:
    run = tracking.run(run_id)
    return run.status == "queued" and run.place != 0


def record_experiment(
    configs: Sequence[FineTuneConfig], experiment: str, name: str, person: str = ""
) -> dict[str, tracking.Claim]:
    """Record new runs, claimed by this process: all or, with an error, none.

    Without a place in the queue, so that no other process executes them.
    """
    claims: dict[str, tracking.Claim] = {}
    # All runs have the same version of the data, also if labels change meanwhile.
    names = {name: datasets.with_version(name) for name in {each.dataset for each in configs}}
    configs = [replace(config, dataset=names[config.dataset]) for config in configs]
    try:
        for config in configs:
            run_id = tracking.create_run(config, experiment, name, person=person)
            claims[run_id] = tracking.claim(run_id)
    except BaseException:
        _withdraw(claims)
        raise
    return claims


def claim_unfinished(run_ids: Sequence[str]) -> dict[str, tracking.Claim]:
    """Claim runs that are to go on: all or, with an error, none.

    Raises UnfreezeError if another process works on one, or has ended it.
    """
    claims: dict[str, tracking.Claim] = {}
    try:
        for run_id in run_ids:
            claims[run_id] = _claim_ended(run_id)
            status = tracking.run(run_id).status
            if status in ("finished", "stopped", "failed"):
                raise UnfreezeError(f"This run is {status}: another process has ended it.")
    except BaseException:
        for claim in claims.values():
            claim.release()
        raise
    return claims


def _claim_ended(run_id: str) -> tracking.Claim:
    """Claim a run that has ended, also if its process still tidies up. Raises UnfreezeError."""
    deadline = time.monotonic() + RELEASE_SECONDS
    while True:
        try:
            return tracking.claim(run_id)
        except UnfreezeError:
            if tracking.run(run_id).live or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _withdraw(claims: dict[str, tracking.Claim]) -> None:
    """Delete claimed runs that have not begun."""
    for run_id, claim in claims.items():
        claim.release()
        with contextlib.suppress(UnfreezeError):
            tracking.delete(run_id)


def _unclaimed(run_id: str) -> tracking.Run:
    """The record of a run. Raises UnfreezeError if a process works on it."""
    run = tracking.run(run_id)
    if run.live:
        process = f"{run.host}, {run.pid}"
        raise UnfreezeError(f"This run belongs to another process ({process}): stop it there.")
    return run


def _delete_obsolete_snapshots() -> None:
    """Delete the snapshots of ended runs, which remain if the process was killed as it ended a run."""
    from ftcore.training import snapshots

    for file in paths.runs_dir().glob(f"*/artifacts/{snapshots.NAME}"):
        with contextlib.suppress(UnfreezeError):
            if tracking.run(file.parent.parent.name).status in ("finished", "stopped"):
                file.unlink(missing_ok=True)


_queue = RunQueue()
scheduler = Scheduler(_queue, {"local": ThreadWorker(_queue), "ray": RayWorker(_queue)})
