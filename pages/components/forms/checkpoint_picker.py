"""Checkpoints as a person chooses among them: by name, how they were made, and whether they still train."""

from dataclasses import dataclass

import streamlit as st

from ftcore.config import mode_title
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from pages.components.charts.palette import mode_badge


@dataclass(frozen=True)
class Model:
    """A checkpoint with what the record of its run adds to it."""

    checkpoint: Checkpoint
    title: str
    status: str = "finished"

    @property
    def training(self) -> bool:
        """Whether it may still get better."""
        return self.status == "running"

    @property
    def mode(self) -> str:
        """Of its run, or untouched where it is nobody's child."""
        config = self.checkpoint.origin.get("config") or {}
        return config.get("mode", "full") if self.checkpoint.parent else "untouched"

    @property
    def badge(self) -> str:
        """How it was made, in that mode's colour, Markdown."""
        title = "Pretrained" if self.mode == "untouched" else mode_title(self.mode)
        return f":{mode_badge(self.mode)}-badge[{title}]"

    @property
    def snapshot(self) -> str:
        """Which of its states answers, where it still trains."""
        if not self.training:
            return ""
        return f"training now, step {self.checkpoint.metrics.get('best_step', 0):,.0f}"


def models() -> dict[str, Model]:
    """All usable checkpoints by ref: bundled, imported, then those of runs, newest first."""
    found = checkpoints.list_checkpoints()
    trained = tuple(one.ref for one in found if one.kind == "run")
    names = run_names(trained) if trained else {}
    return {
        one.ref: Model(one, *names.get(one.ref, (one.title, "finished")))
        for one in found
        if one.kind != "run" or one.ref in names
    }


@st.cache_data(ttl=2, show_spinner=False)
def run_names(known: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Name of each run, which a person may have changed since it was saved, and its status.

    `known` are the runs with a checkpoint: a new one must not wait until the cache is stale.
    """
    from ftcore import tracking  # brings MLflow, which a page without runs does not need

    runs = tracking.runs()
    return {
        row.run_id: (row.name, row.status)
        for row in runs[["run_id", "name", "status"]].itertuples(index=False, name="Row")
    }
