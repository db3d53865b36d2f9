"""Prints what a command says: lines for a person, or JSON lines."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore.events import (
    Evaluation,
    Event,
    Noted,
    Progress,
    Resumable,
    Saved,
    Started,
    Step,
    Watched,
)


class Printer:
    """Each line is flushed at once."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.brief = False  # a person is told of evaluations alone
        self._last = 0.0
        self._phase = ""

    def record(self, values: dict[str, Any], line: str) -> None:
        """One result."""
        print(json.dumps(values, ensure_ascii=False) if self.as_json else line, flush=True)

    def event(self, event: Event) -> None:
        """One event of a task; progress is thinned to a line a second."""
        quiet = Progress | Step | Saved | Watched if self.brief else Resumable
        if isinstance(event, quiet | Resumable) and not self.as_json:
            return
        if isinstance(event, Progress):
            now = time.monotonic()
            if event.phase == self._phase and now - self._last < 1 and event.done != event.total:
                return
            self._phase, self._last = event.phase, now
            of = "" if event.total is None else f" of {event.total:,.0f}"
            line = f"  {event.phase}: {event.done:,.0f}{of} {event.unit}"
        elif isinstance(event, Step | Evaluation):
            split = event.split if isinstance(event, Evaluation) else "train"
            line = (
                f"{split:>5}  step {event.step:>6,}  epoch {event.epoch:6.2f}  "
                f"{event.seconds:8.1f} s  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            )
        elif isinstance(event, Started):
            line = "\n".join([str(event.facts["trains"]), *event.notes])
        elif isinstance(event, Watched):
            shares = "; ".join(" ".join(f"{p:.0%}" for p in one) for one in event.probabilities)
            line = f"watch  step {event.step:>6,}  {shares}"
        elif isinstance(event, Saved):
            line = f"       step {event.step:>6,}  saved: the best so far"
        elif isinstance(event, Resumable):
            line = ""
        else:
            line = event.note if isinstance(event, Noted) else event.message
        self.record({"event": type(event).__name__.lower(), **_plain(asdict(event))}, line)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
