"""Proposes texts of a stored dataset to those who label it, and learns from their labels meanwhile.

What takes long happens in a thread of its own: vectors, heads, the order of the least sure texts, the curve.
`next` only reads the journal and takes the first text that fits.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from ftcore.active_learning import arms, curve
from ftcore.active_learning.arms import Arm, Ledger
from ftcore.active_learning.learner import Learner
from ftcore.data.store import journal, labelling, stored, versions
from ftcore.data.store.card import PARTS, Card, Part
from ftcore.errors import UnfreezeError, user_message
from ftcore.events import Event, Progress
from ftcore.models.checkpoints import Checkpoint

LEASE_SECONDS = 300.0
"""How long a text that a visitor was given is given to nobody else."""
IDLE_SECONDS = 600.0  # until the thread ends, if nobody labels
ANSWER_SECONDS = 0.1
"""How long the thread waits with learning after a label: the next text is on the page first.

Both are Python: a page that reads and writes files while a head is fitted waits for the lock of the
interpreter at each of them.
"""
MOST_OF_FILE = 2_000  # labels of the file that the arms begin with, and that they are measured by
MOST_VECTORS = 200_000  # texts, drawn at random, among which the model chooses
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proposal:
    """A text to label."""

    text: int
    """Its position in the stored texts."""
    words: str
    part: Part
    arm: Arm


@dataclass(frozen=True)
class Lease:
    """A text that a visitor was given."""

    session: str
    until: float
    proposal: Proposal


class Proposer:
    """Texts of one dataset for all who label it in this process. Methods may be called from any thread."""

    def __init__(self, card: Card, checkpoint: Checkpoint, seed: int = 0) -> None:
        """Read the texts. Raises UnfreezeError if they are gone."""
        self.card, self.checkpoint = versions.at(card, 0), checkpoint
        self.texts: list[str] = []
        for batch in stored.original_batches(self.card, ["text"]):
            self.texts += batch["text"].to_pylist()
        before = labelling.originals(self.card)
        self._parts = before.parts
        order = np.random.default_rng(seed).permutation(len(self.texts))
        has_label = np.array([label is not None for label in before.labels], bool)
        for_training = self._parts == PARTS.index("train")
        self._drawn = {  # texts without a label in random order
            training: order[(~has_label & (for_training == training))[order]].tolist()
            for training in (True, False)
        }
        of_file = [
            order[(has_label & (for_training == training))[order]][:MOST_OF_FILE].tolist()
            for training in (True, False)
        ]
        self._start, self._held_out = (
            {text: before.labels[text] or () for text in texts} for texts in of_file
        )
        # Those that are proposed first get their vectors first.
        rest = order[~np.isin(order, np.concatenate(of_file))] if any(map(len, of_file)) else order
        first = np.array([*of_file[0], *of_file[1]], np.int64)
        self._to_compute = np.concatenate([first, rest])[:MOST_VECTORS]
        self._learner = Learner(~has_label & for_training)
        self._leases: dict[int, Lease] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._used = self._labelled = 0.0
        self._computed = 0
        self.problem = "they may have several labels." if card.multi_label else ""
        """Why no model chooses; "" if one does, or will."""

    @property
    def vectors(self) -> tuple[int, int]:
        """How many texts have a vector, and how many will."""
        return min(self._computed, len(self._to_compute)), len(self._to_compute)

    @property
    def points(self) -> list[curve.Point]:
        """The learning curve of chosen and random texts."""
        return list(self._learner.points)

    def book(self) -> Ledger:
        """Who labelled what. Raises UnfreezeError if the journal cannot be read."""
        return arms.ledger(journal.read(self.card), self._start, self._held_out)

    def next(self, session: str, skipped: Collection[int] = ()) -> Proposal | None:
        """Return the text that a visitor labels next; None if there is none left.

        Within LEASE_SECONDS the same visitor gets the same text again, unless it was labelled or `skipped`,
        and nobody else gets it. Raises UnfreezeError if the journal cannot be read.
        """
        self._used = time.monotonic()
        self._run()
        with self._lock:
            book = self.book()
            self._leases = {
                text: lease
                for text, lease in self._leases.items()
                if lease.until > self._used
                and text not in book.done
                and not (lease.session == session and text in skipped)
            }
            own = (lease.proposal for lease in self._leases.values() if lease.session == session)
            proposal = next(own, None) or self._propose(book, {*self._leases, *skipped})
            if proposal:
                until = self._used + LEASE_SECONDS
                self._leases[proposal.text] = Lease(session, until, proposal)
            return proposal

    def again(self, session: str, proposal: Proposal) -> None:
        """Give a visitor a text again whose label was taken back, in place of the one that came next."""
        with self._lock:
            others = (each for each in self._leases.items() if each[1].session != session)
            self._leases = dict(others)
            self._leases[proposal.text] = Lease(session, time.monotonic() + LEASE_SECONDS, proposal)

    def labelled(self) -> None:
        """Learn from labels that were just given or taken back, in a moment."""
        self._labelled = time.monotonic()
        self._wake.set()

    def _propose(self, book: Ledger, taken: set[int]) -> Proposal | None:
        ranked = self._learner.ranked
        turn = arms.turn(book, can_choose=bool(ranked))
        others: tuple[Arm, ...] = ("random", "chosen", "held-out")
        for arm in (turn, *others):
            texts: Iterable[int] = self._drawn[arm != "held-out"]
            if arm == "chosen":
                texts = ranked
            for text in texts:
                if text not in taken and text not in book.done:
                    part = PARTS[self._parts[text]]
                    return Proposal(text, self.texts[text], part, arm)
        return None

    def _run(self) -> None:
        """Start the thread, if there is none."""
        with self._lock:
            if not self.problem and (self._thread is None or not self._thread.is_alive()):
                self._wake.set()
                self._thread = threading.Thread(target=self._work, name="proposer", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        """Compute what vectors are missing, and learn whenever labels were given, until nobody labels."""
        try:
            from ftcore.active_learning import vectors  # imports torch

            fingerprint = f"stored-{self.card.fingerprint}"
            parts = vectors.in_parts(
                self.checkpoint,
                self.texts,
                fingerprint,
                self._to_compute[self._learner.vectors :],
                self._watch,
            )
            for texts, found in parts:
                self._learner.add(texts, found)
                self._computed = self._learner.vectors
                self._wake.set()
            while self._wake.wait(IDLE_SECONDS):
                time.sleep(max(0.0, self._labelled + ANSWER_SECONDS - time.monotonic()))
                self._learn()
        except _Idle:
            pass
        except Exception as error:
            self.problem = user_message(error) or "Something unexpected went wrong; see the log."
            if not isinstance(error, UnfreezeError):
                log.exception("no text of %s can be chosen", self.card.name)

    def _watch(self, event: Event) -> None:
        """Between two batches of vectors: count them, and learn from labels that were given."""
        if isinstance(event, Progress) and event.phase == "features":
            self._computed = self._learner.vectors + int(event.done)
        if self._wake.is_set() and time.monotonic() > self._labelled + ANSWER_SECONDS:
            self._learn()
        if time.monotonic() - self._used > IDLE_SECONDS:
            raise _Idle

    def _learn(self) -> None:
        self._wake.clear()
        if self._learner.vectors:
            book, classes = self.book(), versions.at(self.card).labels
            self._learner.rank(book, classes)
            self._learner.measure(book, classes)


class _Idle(Exception):
    """Nobody has asked for a text for a while."""
