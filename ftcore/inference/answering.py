"""Answers files of texts in threads of this process, one file after the other, for all visitors."""

import logging
import threading
from contextlib import closing

from ftcore.errors import UnfreezeError, user_message
from ftcore.events import Noted, Progress
from ftcore.inference import answered_files
from ftcore.inference.answered_files import AnsweredFile

log = logging.getLogger(__name__)
_LOOK_EVERY = 0.2  # seconds between two looks whether a waiting file was cancelled
_turn = threading.Lock()  # two models at a time would take the memory of two, and be no faster
_lock = threading.Lock()
_calls: dict[str, "Answering"] = {}


class Answering:
    """A file that is being answered, or was until the process ends.

    Attributes:
        progress: the newest one; None until it begins.
        notes: what the reader said of the file.
        error: why it ended early, in a sentence; "" if it did not.
    """

    def __init__(self, file: AnsweredFile) -> None:
        self.file = file
        self.progress: Progress | None = None
        self.notes: list[str] = []
        self.error = ""
        self._cancelled = threading.Event()
        # A daemon: parts are whole or not there, so an end of the process loses one part at most.
        self._thread = threading.Thread(target=self._work, name="answering", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def cancel(self) -> None:
        """End at the next event; what is answered is kept, and `start` goes on after it."""
        self._cancelled.set()

    def _work(self) -> None:
        while not _turn.acquire(timeout=_LOOK_EVERY):
            if self._cancelled.is_set():
                return
        try:
            with closing(answered_files.answer(self.file)) as task:
                for event in task:
                    if isinstance(event, Progress):
                        self.progress = event
                    if isinstance(event, Noted):
                        self.notes.append(event.note)
                    if self._cancelled.is_set():
                        return
        except Exception as error:
            self.error = user_message(error) or "Something unexpected went wrong; see the log."
            if not isinstance(error, UnfreezeError):
                log.exception("%s was not answered", self.file.id)
        finally:
            _turn.release()


def start(file: AnsweredFile) -> Answering:
    """Answer a file, or what is left of it; nothing happens if that is under way."""
    with _lock:
        call = _calls.get(file.id)
        if call is None or not call.running:
            call = _calls[file.id] = Answering(file)
        return call


def find(file: AnsweredFile) -> Answering | None:
    """The last call of this process that answered a file; None if there was none."""
    return _calls.get(file.id)


def remove(file: AnsweredFile) -> None:
    """Delete a file's answers; refused while they are being written. Raises UnfreezeError."""
    with _lock:
        call = _calls.get(file.id)
        if call and call.running:
            raise UnfreezeError("These texts are being answered: cancel that first.")
        _calls.pop(file.id, None)
        answered_files.remove(file)
