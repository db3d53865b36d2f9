"""The commands that delete checkpoints and datasets."""

import argparse
from collections.abc import Callable
from typing import Any

from ftcore.cli.printer import Printer


def remove_checkpoint(options: argparse.Namespace, out: Printer) -> None:
    """Delete a checkpoint that was imported, or made by a run."""
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    _remove(options.ref, options, tracking.checkpoint_dependents, scheduler.delete_checkpoint, out)


def remove_dataset(options: argparse.Namespace, out: Printer) -> None:
    """Delete a dataset that you added; refused while a run needs it."""
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    _remove(options.name, options, tracking.dataset_dependents, scheduler.delete_dataset, out)


def _remove(
    name: str,
    options: argparse.Namespace,
    dependents: Callable[[str], Any],
    delete: Callable[[str], None],
    out: Printer,
) -> None:
    if not options.end_dependents:
        dependents(name).refuse("finish or stop that first, or give --end-dependents")
    delete(name)
    out.record({"removed": name}, f"Removed {name}")
