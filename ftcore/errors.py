"""Errors that users can solve, and the messages for them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

# The last one is from oneDNN, which multiplies matrices on a CPU.
_NO_MEMORY = ("allocate memory", "out of memory", "out_of_memory", "could not create a primitive")
_DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_NO_FILE_LEFT = (errno.EMFILE, errno.ENFILE)
TOO_MANY_FILES = (
    "Too many files are open: raise the limit of open files (ulimit -n), or close other programs."
)


class UnfreezeError(Exception):
    """An error that the user can solve. Its message says what is wrong and the way out."""


class UsageError(UnfreezeError):
    """A setting or an option that cannot have its value, or has no effect; the exit status is 2."""


class Diverged(UnfreezeError):
    """The loss is not finite; resuming the run would not help."""


class ChangedDependency(UnfreezeError):
    """What a run depends on is not what it began with; it can be resumed once that is put back."""


class UnreadableSnapshot(UnfreezeError):
    """The snapshot of a run cannot be read; resuming the run again would not help."""


class LostProcess(UnfreezeError):
    """A process of a run on several devices has ended, or does not answer; the run can be resumed."""


def user_message(error: Exception) -> str:
    """Return what to tell the user about an error, or "" if it is unexpected."""
    if isinstance(error, UnfreezeError):
        return str(error)
    if is_out_of_memory(error):
        return "Out of memory: reduce the batch size or the text length."
    if is_disk_full(error):
        return "The disk is full: free some space and try again."
    if is_out_of_files(error):
        return TOO_MANY_FILES
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{error.filename!r} cannot be used ({error.strerror}): check the path, its "
            "permissions and UNFREEZE_HOME."
        )
    return ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out; torch raises RuntimeError for it."""
    known = isinstance(error, RuntimeError) and any(x in str(error).lower() for x in _NO_MEMORY)
    return known or isinstance(error, MemoryError)


@contextmanager
def panics_as_memory_errors() -> Iterator[None]:
    """Raise MemoryError for a panic of safetensors, which panics when it lacks memory.

    A panic is a BaseException, so code that handles errors misses it. Works as a decorator too.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of pyo3, which does not export the class
            raise
        raise MemoryError(str(error)) from error


def is_disk_full(error: Exception) -> bool:
    """Whether an error means that the disk is full."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def is_out_of_files(error: Exception) -> bool:
    """Whether an error means that no further file can be opened; Rust code gives the text alone."""
    by_number = isinstance(error, OSError) and error.errno in _NO_FILE_LEFT
    return by_number or any(f"(os error {number})" in str(error) for number in _NO_FILE_LEFT)
