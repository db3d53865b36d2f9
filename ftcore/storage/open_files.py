"""The limit of open files, which sockets count towards, too."""

import contextlib
import os
import sys

from ftcore.errors import TOO_MANY_FILES, UnfreezeError

if sys.platform != "win32":
    import resource

WANTED = 8_192
NEEDED = 32  # a run that begins opens about half as many


def raise_limit() -> int:
    """Raise this process's limit of open files as far as it may, to WANTED at most, and return it."""
    if sys.platform == "win32":  # has no such limit
        return WANTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with contextlib.suppress(OSError, ValueError):  # macOS has a second limit below `hard`
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return WANTED if soft == resource.RLIM_INFINITY else min(soft, WANTED)


def check_room() -> None:
    """Raise UnfreezeError if fewer than NEEDED further files can be opened."""
    opened: list[int] = []
    try:
        for _ in range(NEEDED):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        raise UnfreezeError(TOO_MANY_FILES) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)
