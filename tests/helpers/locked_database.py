"""A program that does not wait for a locked database; it and MLflow usually wait for 20 seconds."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from ftcore.tracking import database

# Code of a process that runs the command line so.
COMMAND_LINE = """
import sys
from ftcore.cli.main import main
from tests.helpers.locked_database import no_waiting

with no_waiting():
    sys.exit(main())
"""


@contextmanager
def no_waiting() -> Iterator[None]:
    """Let every statement fail at once while another program locks the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "LOCK_SECONDS", 0.0)
        patch.setattr(database, "_engine", database._engine.__wrapped__)
        event.listen(Engine, "before_cursor_execute", _do_not_wait, retval=True)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", _do_not_wait)


def _do_not_wait(
    connection: object, cursor: object, statement: str, parameters: object, *_: object
) -> tuple[str, object]:
    return statement.replace("busy_timeout = 20000", "busy_timeout = 0"), parameters
