"""Sentences of the core on a page, where the options of the command line that they name are of no use."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ftcore.errors import UnfreezeError
from pages.components.text.errors import show_error

_OPTIONS = re.compile(r" \(--[a-z][^()]*\)")


def without_options(sentence: str) -> str:
    """`sentence` without options in parentheses."""
    return _OPTIONS.sub("", sentence)


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an UnfreezeError of the block without options; the page goes on after the block."""
    try:
        yield
    except UnfreezeError as error:
        show_error(UnfreezeError(without_options(str(error))))
