"""Limits repeated log lines, so that a fault or a stranger cannot fill the disk with the log."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

LINES = 20  # of each place in the code
SECONDS = 60.0


@dataclass
class Period:
    began: float
    lines: int = 0


class RepeatLimit(logging.Filter):
    """Lets pass LINES lines of each place in the code in SECONDS; the next one says how many did not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._periods: dict[tuple[str, int], Period] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # Not by the text, which may hold anything and would let the table grow.
        place, now = (record.pathname, record.lineno), self._clock()
        period = self._periods.setdefault(place, Period(now))
        omitted = period.lines - LINES
        if now - period.began >= SECONDS:
            period.began, period.lines = now, 0
            if omitted > 0:
                record.msg = f"{record.getMessage()} ({omitted:,} similar lines are left out)"
                record.args = None
        period.lines += 1
        return period.lines <= LINES


LIMIT = RepeatLimit()


def install() -> None:
    """Limit all handlers that there are; imports may add some, so this may be called again."""
    # A copy, as other threads import modules meanwhile.
    loggers = [logging.getLogger(name) for name in [*logging.root.manager.loggerDict]]
    handlers = {handler for logger in (logging.root, *loggers) for handler in logger.handlers}
    for handler in (*handlers, logging.lastResort):
        if handler is not None and LIMIT not in handler.filters:
            handler.addFilter(LIMIT)
