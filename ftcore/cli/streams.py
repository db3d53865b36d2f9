"""Standard output and standard error, which may be closed, full, or unable to show a character."""

import contextlib
import io
import os
import sys
from typing import TextIO

from ftcore.errors import UnfreezeError


class UnwritableOutput(UnfreezeError):
    """Standard output takes nothing. A pipe whose reader has ended raises BrokenPipeError instead."""


def prepare() -> None:
    """Write a character that an encoding lacks as an escape, such as \\U0001f44d for an emoji.

    Raises UnwritableOutput if standard output is closed.
    """
    if sys.stderr is None:  # closed; print(file=None) would write to standard output
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise UnwritableOutput("Standard output is closed: send it to a file, or to /dev/null.")


def write(text: str) -> None:
    """Write to standard output at once. Raises BrokenPipeError or UnwritableOutput."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        reason = f"The output cannot be written ({error.strerror})"
        raise UnwritableOutput(f"{reason}: free some space, or send it elsewhere.") from error


def complain(message: object) -> None:
    """Write a line to standard error. If that is impossible, the exit status must tell."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """Discard what is written from now on; else Python would fail to flush it at its end."""
    with contextlib.suppress(OSError):  # not a file, as in a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
