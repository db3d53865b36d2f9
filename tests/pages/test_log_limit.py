"""Repeated log lines."""

import io
import logging

from pages.components.shell import log_limit
from pages.components.shell.log_limit import LINES, SECONDS, RepeatLimit

log = logging.getLogger("unfreeze.test")


def test_a_repeated_line_is_left_out_and_counted():
    now, written = [0.0], io.StringIO()
    handler = logging.StreamHandler(written)  # pytest's own may have the program's limit already
    handler.addFilter(RepeatLimit(lambda: now[0]))
    log.addHandler(handler)
    try:
        for round_ in range(2):
            for number in range(1_000):
                log.warning("visitor %d", number)
            log.warning("another line")
            now[0] += SECONDS
            assert written.getvalue().count("\n") == (round_ + 1) * (LINES + 1)
    finally:
        log.removeHandler(handler)
    lines = written.getvalue().splitlines()
    assert lines[LINES + 1] == "visitor 0 (980 similar lines are left out)"
    assert lines.count("another line") == 2, "others are written"


def test_all_handlers_are_limited_once(caplog):
    log.addHandler(handler := logging.NullHandler())
    try:
        log_limit.install()
        log_limit.install()
        assert handler.filters == [log_limit.LIMIT]
        assert logging.lastResort and log_limit.LIMIT in logging.lastResort.filters
    finally:
        log.removeHandler(handler)


def test_another_thread_may_import_a_module_with_a_logger_meanwhile(monkeypatch):
    """It ended the start of the dashboard's queue."""
    find = logging.getLogger

    def find_while_others_are_made(name):
        find(f"unfreeze.test.{name}")
        return find(name)

    with monkeypatch.context() as patch:  # pytest asks for loggers, too
        patch.setattr(logging, "getLogger", find_while_others_are_made)
        log_limit.install()
