"""Proposers that all visitors share: two people who label the same data never get the same text."""

import threading

from ftcore.active_learning.proposer import Proposer
from ftcore.data.store.card import Card
from ftcore.models.checkpoints import Checkpoint

_MOST = 2  # datasets in memory; the thread of a proposer that nobody asks ends by itself
_lock = threading.Lock()
_proposers: dict[tuple[str, str, str], Proposer] = {}


def proposer(card: Card, checkpoint: Checkpoint) -> Proposer:
    """The proposer of a dataset and a checkpoint. Raises UnfreezeError if the texts cannot be read."""
    key = (str(card.folder), card.texts_fingerprint, f"{checkpoint.ref} {checkpoint.version}")
    with _lock:
        found = _proposers.pop(key, None) or Proposer(card, checkpoint)
        _proposers[key] = found  # the newest last
        while len(_proposers) > _MOST:
            del _proposers[next(iter(_proposers))]
        return found
