"""A full disk: a limit on the size of the files that a process writes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit_file_size(size: int, process: int = 0) -> Iterator[None]:
    """Let writes beyond `size` bytes of a file fail, in this process and its children or in another."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)
