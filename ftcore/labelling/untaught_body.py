"""The checkpoint whose body judges labels: one that has not learned these labels already."""

from collections.abc import Iterator

from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.validation import printable


def choose(ref: str, dataset: str) -> tuple[Checkpoint, str]:
    """Return the checkpoint of a ref, or its nearest ancestor that `dataset` did not teach, and a note.

    A body that was trained on labels finds them likely, also wrong ones, which no folds can undo. The note is
    a sentence about that, "" if there is nothing to say. Raises UnfreezeError if there is no such checkpoint.
    """
    asked = checkpoints.find(ref)
    name, is_taught = datasets.without_version(dataset), False
    chosen: Checkpoint | None = asked
    for each in _line(asked):
        if datasets.without_version(each.dataset) == name and _trained_body(each):
            chosen, is_taught = _parent(each), True
    if not is_taught:
        return asked, ""
    taught = f"The body of {printable(asked.title)} was trained on labels of this data"
    if chosen is None:
        return asked, f"{taught}, so it finds fewer wrong ones than another checkpoint would."
    return chosen, f"{taught}, so the vectors are those of {printable(chosen.title)}."


def _line(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """A checkpoint and those that it comes from, as far as they are still here."""
    seen = set()
    current: Checkpoint | None = checkpoint
    while current is not None and current.ref not in seen:
        seen.add(current.ref)
        yield current
        current = _parent(current)


def _parent(checkpoint: Checkpoint) -> Checkpoint | None:
    try:
        return checkpoints.find(checkpoint.parent) if checkpoint.parent else None
    except UnfreezeError:  # it was deleted
        return None


def _trained_body(checkpoint: Checkpoint) -> bool:
    """Whether more than the head was trained; yes if that is not known."""
    try:
        return not FineTuneConfig.from_record(checkpoint.origin["config"]).head_alone
    except (KeyError, TypeError, AttributeError, UnfreezeError):
        return True
