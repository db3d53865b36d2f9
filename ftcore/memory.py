"""How much memory there is."""

import contextlib
import os
import re
from pathlib import Path

from ftcore.errors import UnfreezeError
from ftcore.formatting import size

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")  # the limits of a container, by version 2


def available() -> int:
    """Return the bytes that programs can still take: of a machine that does not tell, all it has."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        [kilobytes] = re.findall(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
        return int(min(int(kilobytes) * 1024, _left_in_container()))
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8_000_000_000  # Windows; a guess is better than a refusal


def check(what: str, needed: float, way_out: str) -> None:
    """Raise UnfreezeError if something needs more memory than there is."""
    if needed > (free := available()):
        raise UnfreezeError(
            f"{what} needs {size(needed)} of memory, and {size(free)} are free: {way_out}."
        )


def activations_limit(free: int) -> float:
    """Return the bytes that the kept activations of a run may take, given the free memory.

    Raises UnfreezeError if the setting is not a number.
    """
    gigabytes = os.environ.get("UNFREEZE_ACTIVATIONS_GB")
    try:
        return max(0.0, float(gigabytes) * 1e9) if gigabytes else free / 2
    except ValueError:
        raise UnfreezeError(f"UNFREEZE_ACTIVATIONS_GB is {gigabytes!r}; give a number.") from None


def _left_in_container() -> float:
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        files = re.findall(r"^inactive_file (\d+)", (_CGROUP / "memory.stat").read_text(), re.M)
        return limit - used + sum(map(int, files))  # what is cached of files is given back
    except (OSError, ValueError):  # there is no limit, or no cgroup
        return float("inf")
