"""A lack of open files: a limit little above what a process has open."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit_open_files(more: int) -> Iterator[None]:
    """Let this process open about `more` further files and no others."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
