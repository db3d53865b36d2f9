"""Who asks for a run: a name, not an account. It decides whose turn it is in the queue, and nothing else."""

import getpass
import os

from ftcore.validation import printable

SOMEONE = "someone"
MAX_NAME = 60  # characters


def name(text: str) -> str:
    """A name as it is recorded; SOMEONE if it is empty."""
    return printable(" ".join(text.split()))[:MAX_NAME].strip() or SOMEONE


def of_process() -> str:
    """UNFREEZE_PERSON, or the name of the user whose program this is."""
    if given := os.environ.get("UNFREEZE_PERSON", ""):
        return name(given)
    try:
        return name(getpass.getuser())
    except (ImportError, KeyError, OSError):  # it has no name, as in some containers
        return SOMEONE
