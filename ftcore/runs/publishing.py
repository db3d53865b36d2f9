"""Stores the files of a run while it is executed, so that another machine can go on with it."""

import contextlib
import logging
import os
import shutil
import threading
from pathlib import Path

from ftcore import tracking
from ftcore.errors import UnfreezeError, user_message
from ftcore.events import Event, Resumable, Task, drain
from ftcore.runs import inputs, unstored
from ftcore.storage import scratch, shared, shared_runs

log = logging.getLogger(__name__)


class Publisher:
    """Stores what a run reads, and its files as they are after each snapshot, from a thread.

    Does nothing without a storage. What could not be stored is tried again with the next snapshot. So is
    what earlier runs of this machine could not store.
    """

    def __init__(self, run: tracking.Run, claim: tracking.Claim) -> None:
        self._run, self._claim = run, claim
        self._folder = shared_runs.folder(run.run_id)
        self._saving = False  # a snapshot, since the last event
        self._waiting: _Copy | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.failure = ""  # why the storage lacks something; empty if it does not
        if shared.is_used():
            self._thread = threading.Thread(target=self._work, name="publisher", daemon=True)
            self._thread.start()

    def see(self, event: Event) -> None:
        """Take the events of the run: a snapshot is complete once the event after `Resumable` comes."""
        if self._saving and self._thread:
            with contextlib.suppress(OSError):  # the next snapshot may be copied
                self._put(_Copy(self._folder))
        self._saving = isinstance(event, Resumable)

    def finish(self) -> Task[None]:
        """Store the files of the run as they are now."""
        self.close()
        if self._thread and self._folder.is_dir():
            yield from self._try(self._store(self._folder))

    def close(self) -> None:
        """Wait for what is being stored, and leave the rest."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()
        self._put(None)

    def _put(self, copy: "_Copy | None") -> None:
        """Let a copy wait to be stored, in place of an earlier one."""
        with self._changed:
            superseded, self._waiting = self._waiting, copy
            self._changed.notify()
        if superseded:
            superseded.delete()

    def _work(self) -> None:
        drain(self._try(inputs.store(self._run)))
        if not self.failure:
            self._store_others()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed or not self._waiting:
                    return
                copy, self._waiting = self._waiting, None
            drain(self._try(self._store(copy.folder)))
            copy.delete()

    def _store(self, folder: Path) -> Task[None]:
        yield from shared_runs.publish(self._run.run_id, folder, self._claim.check)
        yield from inputs.store(self._run)  # does nothing once they are stored

    def _store_others(self) -> None:
        with contextlib.suppress(UnfreezeError, OSError):
            for _ in unstored.store_all():
                if self._closed:
                    return

    def _try(self, task: Task[None]) -> Task[None]:
        """Do it, or keep why it failed: that must not end hours of training."""
        try:
            yield from task
            self.failure = ""
        except tracking.ClaimLost:  # another process stores this run now
            return
        except Exception as error:
            log.warning("run %s is not stored: %s", self._run.run_id, error)
            self.failure = user_message(error) or f"{type(error).__name__}: {error}"


class _Copy:
    """The files of a run at one time: hard links, as all of them are replaced and none is changed."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(scratch.folder(folder.parent)) / folder.name
            shutil.copytree(
                folder, self.folder, ignore=shutil.ignore_patterns(".*"), copy_function=_link
            )
            self._stack = stack.pop_all()

    def delete(self) -> None:
        self._stack.close()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
