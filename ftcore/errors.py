"""The one exception whose message is written for the person at the screen."""

import errno


class UnfreezeError(Exception):
    """Something the user can mend: one sentence that says what is wrong and the way out."""


class Diverged(UnfreezeError):
    """The loss stopped being a number: going on would not help."""


class Lost(UnfreezeError):
    """The state that a run would go on from cannot be read: resuming it again would not help."""


def advice(error: Exception) -> str:
    """What a person can do about an error, empty for one that nobody foresaw."""
    if isinstance(error, UnfreezeError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "The memory did not suffice; choose a smaller batch size or a shorter longest text."
    if disk_is_full(error):
        return "The disk is full; free some space, then go on."
    return ""


def disk_is_full(error: Exception) -> bool:
    """Whether an error says that a disk takes no more."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC, errno.EFBIG, errno.EDQUOT,
    )  # fmt: skip
