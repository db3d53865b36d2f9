"""The command that deletes a checkpoint."""

import argparse

from ftcore.cli.printer import Printer


def remove_checkpoint(options: argparse.Namespace, out: Printer) -> None:
    """Delete a checkpoint that was imported, or made by a run."""
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    if not options.end_dependents:
        way_out = "finish or stop that first, or give --end-dependents"
        tracking.checkpoint_dependents(options.ref).refuse(way_out)
    scheduler.delete_checkpoint(options.ref)
    out.record({"removed": options.ref}, f"Removed {options.ref}")
