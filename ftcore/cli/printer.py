"""Prints results and events as lines of text or as JSON lines."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore import events
from ftcore.cli import streams
from ftcore.formatting import count, size


def program() -> str:
    """How the command line was called: `unfreeze` if by its entry point."""
    return "unfreeze" if Path(sys.argv[0]).stem == "unfreeze" else "python -m ftcore"


MOST_CLASSES = 8  # whose probabilities fit a line


class Printer:
    """Prints one line per record and flushes it. In text, `brief` leaves out all but evaluations."""

    def __init__(
        self, as_json: bool, write: Callable[[str], None] = lambda line: streams.write(f"{line}\n")
    ) -> None:
        self.as_json = as_json
        self._write = write
        self.brief = False
        self.notes: list[str] = []  # of the events so far, each once
        self._progress: events.Progress | None = None  # that was printed last, and when
        self._progress_time = 0.0

    def record(self, values: dict[str, Any], line: str) -> None:
        """Print a result: `values` as JSON, or `line`."""
        if self.as_json:
            line = json.dumps(values, default=str)  # ASCII, which any encoding can write
        self._write(line)

    def nothing(self, message: str) -> None:
        """Say to a person, on standard error, why there is no result to print."""
        if not self.as_json:
            streams.complain(message)

    def event(self, event: events.Event) -> None:
        """Print an event of a task; of progress in one phase, a line a second if it differs."""
        if isinstance(event, events.Restored):  # printed before the run was interrupted
            return
        match event:
            case events.Started(notes=notes):
                self.notes += [note for note in notes if note not in self.notes]
            case events.Noted(note=note) if note not in self.notes:
                self.notes.append(note)
        hidden: list[type] = [events.Resumable]
        if self.brief:
            hidden += [events.Progress, events.Step, events.Saved, events.Watched]
        if isinstance(event, tuple(hidden)) and not self.as_json:
            return
        if isinstance(event, events.Progress) and self._is_too_soon(event):
            return
        self.record({"event": type(event).__name__.lower(), **asdict(event)}, _line(event))

    def _is_too_soon(self, event: events.Progress) -> bool:
        now, last = time.monotonic(), self._progress
        if last and event.phase == last.phase:
            just_now = now - self._progress_time < 1 and event.done != event.total
            if just_now or event == last:
                return True
        self._progress, self._progress_time = event, now
        return False


def _line(event: events.Event) -> str:
    match event:
        case events.Progress():
            amount = size if event.unit == "bytes" else count
            total = "" if event.total is None else f" of {amount(event.total)}"
            unit = "" if event.unit == "bytes" else f" {event.unit}"
            return f"  {event.phase}: {amount(event.done)}{total}{unit}"
        case events.Started():
            return "\n".join([str(event.facts["trains"]), *event.notes])
        case events.Step() | events.Evaluation():
            split = event.split if isinstance(event, events.Evaluation) else "train"
            line = (
                f"{split:>5}  step {event.step:>6,}  epoch {event.epoch:6.2f}  "
                f"{event.seconds:8.1f} s  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            )
            f1 = event.macro_f1 if isinstance(event, events.Evaluation) else None
            return line if f1 is None else f"{line}  macro F1 {f1:.2%}"
        case events.Watched():
            sentences = [_probabilities(row) for row in event.probabilities]
            return f"watch  step {event.step:>6,}  {'; '.join(sentences)}"
        case events.Saved():
            return f"       step {event.step:>6,}  saved: the best so far"
        case events.Noted():
            return event.note
        case events.Finished():
            return event.message
    return ""


def _probabilities(row: Sequence[float]) -> str:
    """One for each class; of many classes the largest, and where it stands."""
    if len(row) > MOST_CLASSES:
        return f"class {row.index(max(row)) + 1} of {len(row)} {max(row):.0%}"
    return " ".join(f"{probability:.0%}" for probability in row)
