"""Fetches what other machines have stored of runs."""

from collections.abc import Iterable

from ftcore.storage import shared_runs
from pages.components.forms.task_progress import run_task


def fetch_files(run_ids: Iterable[str]) -> None:
    """Fetch what this machine lacks to show these runs, under a progress bar if that is something."""
    task = shared_runs.bring_all(run_ids)
    if next(task, None):
        run_task(task)
