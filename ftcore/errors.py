"""The one exception whose message is written for the person at the screen."""

import errno

# The last is how oneDNN says it, which multiplies matrices on a CPU.
_NO_MEMORY = ("allocate memory", "out of memory", "out_of_memory", "could not create a primitive")


class UnfreezeError(Exception):
    """Something the user can mend: one sentence that says what is wrong and the way out."""


class Diverged(UnfreezeError):
    """The loss stopped being a number: going on would not help."""


class UnreadableSnapshot(UnfreezeError):
    """The state that a run would go on from cannot be read: resuming it again would not help."""


def user_message(error: Exception) -> str:
    """What a person can do about an error, empty for one that nobody foresaw."""
    if isinstance(error, UnfreezeError):
        return str(error)
    if is_out_of_memory(error):
        return "Out of memory: reduce the batch size or the text length."
    if is_disk_full(error):
        return "The disk is full: free some space and try again."
    return ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch raises RuntimeErrors."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in said for words in _NO_MEMORY)
    )


def is_disk_full(error: Exception) -> bool:
    """Whether an error says that a disk takes no more."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EFBIG,
        errno.EDQUOT,
    )
