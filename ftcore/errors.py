"""The one exception whose message is written for the person at the screen."""

import errno


class UnfreezeError(Exception):
    """Something the user can mend: one sentence that says what is wrong and the way out."""


def advice(error: Exception) -> str:
    """What a person can do about an error, empty for one that nobody foresaw."""
    if isinstance(error, UnfreezeError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "The memory did not suffice; choose a smaller batch size or a shorter longest text."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return "The disk is full; free some space and start again."
    return ""
