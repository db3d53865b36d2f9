"""What a visitor has labelled and skipped since the page was opened, and the clicks that change it."""

import uuid
from dataclasses import dataclass, field

import streamlit as st

from ftcore.active_learning.proposer import Proposal, Proposer
from ftcore.data.store import labelling
from ftcore.data.store.labelling import Change
from ftcore.errors import UnfreezeError


@dataclass
class LabelSession:
    """A visitor's work on one dataset."""

    proposer: Proposer
    person: str = ""
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of the visitor, to the proposer: two may give the same name of a person."""
    given: list[tuple[int, Proposal]] = field(default_factory=list)
    """Number of the entry in the journal, and its text, for Undo."""
    skipped: set[int] = field(default_factory=set)
    shown: Proposal | None = None
    """The text that waits for an answer. A click counts once: Streamlit may deliver it twice."""
    error: str = ""
    """Of the last click."""

    def next(self) -> Proposal | None:
        """The text to show. Raises UnfreezeError."""
        self.shown = self.proposer.next(self.name, self.skipped)
        return self.shown

    def give(self, proposal: Proposal, label: tuple[str, ...] | None) -> None:
        """Callback: label the text that is shown, or drop it (None)."""
        if proposal != self.shown:
            return
        self.shown = None
        change = Change(proposal.text, label, proposal.arm)
        self.error = ""
        try:
            number = labelling.change(self.proposer.card, [change], self.person)
        except UnfreezeError as error:
            self.error = str(error)
            return
        self.given.append((number, proposal))
        self.proposer.labelled()

    def undo(self, number: int) -> None:
        """Callback: take the last label back, which is that of entry `number`, and show its text again."""
        last, proposal = self.given[-1] if self.given else (0, None)
        if proposal is None or last != number:
            return
        self.error = ""
        try:
            labelling.take_back(self.proposer.card, number, self.person)
        except UnfreezeError as error:
            self.error = str(error)
        self.given.pop()
        self.skipped.discard(proposal.text)
        self.proposer.again(self.name, proposal)
        self.proposer.labelled()

    def skip(self, proposal: Proposal) -> None:
        """Callback: show another text; this one is not shown to this visitor again."""
        if proposal == self.shown:
            self.skipped.add(proposal.text)


def of_visitor(proposer: Proposer, person: str) -> LabelSession:
    """The session of this visitor, a new one for other texts or another checkpoint."""
    session: LabelSession | None = st.session_state.get("label_session")
    if session is None or session.proposer is not proposer:
        session = st.session_state["label_session"] = LabelSession(proposer)
    session.person = person
    return session
