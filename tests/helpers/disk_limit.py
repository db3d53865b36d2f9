"""A disk that is full: a limit on the size of files, for this process and those it starts, or for another."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit_file_size(size: int, process: int = 0) -> Iterator[None]:
    """No file may grow beyond so many bytes. Writing fails, as Python ignores the signal that comes first."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)
