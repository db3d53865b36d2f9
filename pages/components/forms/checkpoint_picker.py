"""The checkpoints that a user can choose from, with the names and states of the runs that made them."""

from dataclasses import dataclass

import streamlit as st

from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import mode_title
from pages.components.charts.palette import mode_badge


@dataclass(frozen=True)
class CheckpointChoice:
    """A checkpoint; `title` and `status` are those of its run where a run made it."""

    checkpoint: Checkpoint
    title: str
    status: str = "finished"
    imported: bool = False
    """Whether its run came in a package."""

    @property
    def training(self) -> bool:
        """Whether its run is in training, so that the checkpoint may still improve."""
        return self.status == "running"

    @property
    def mode(self) -> str:
        """The mode of its run; `untouched` for a checkpoint without a parent."""
        config = self.checkpoint.origin.get("config") or {}
        return config.get("mode", "full") if self.checkpoint.parent else "untouched"

    @property
    def badge(self) -> str:
        """Its mode as a coloured badge, in Markdown."""
        title = "Pretrained" if self.mode == "untouched" else mode_title(self.mode)
        return mode_badge(self.mode, title)


def models_that_answer() -> dict[str, "CheckpointChoice"]:
    """All usable checkpoints with a last layer, by ref, in the order of `checkpoint_choices`."""
    return {ref: each for ref, each in checkpoint_choices().items() if each.checkpoint.labels}


def checkpoint_choices() -> dict[str, CheckpointChoice]:
    """All usable checkpoints by ref: bundled, imported, then those of runs, newest first."""
    listed = checkpoints.list_checkpoints()
    run_ids = tuple(checkpoint.ref for checkpoint in listed if checkpoint.kind == "run")
    runs = facts_of_runs(run_ids) if run_ids else {}
    return {
        checkpoint.ref: CheckpointChoice(
            checkpoint, *runs.get(checkpoint.ref, (checkpoint.title, "finished"))
        )
        for checkpoint in listed
        if checkpoint.kind != "run" or checkpoint.ref in runs
    }


@st.cache_data(ttl=2, show_spinner=False)
def facts_of_runs(run_ids: tuple[str, ...]) -> dict[str, tuple[str, str, bool]]:
    """Current name and status of every run, and whether it was imported, by run id.

    `run_ids`, the runs with a checkpoint, are part of the cache's key, so that a new one shows at once.
    """
    from ftcore import tracking  # imports MLflow, which a page without runs does not need

    runs = tracking.runs()
    facts = zip(runs["name"], runs["status"], runs["imported"].astype(bool), strict=True)
    return dict(zip(runs["run_id"], facts, strict=True))
