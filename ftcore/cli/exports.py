"""Commands that import and export: the lesson's model, checkpoints, experiments, data, code."""

import argparse

from ftcore import validation
from ftcore.cli.options import given_settings
from ftcore.cli.printer import Printer
from ftcore.events import drain
from ftcore.formatting import percent
from ftcore.validation import expand_home


def import_lesson(options: argparse.Namespace, out: Printer) -> None:
    """Import the lesson's .pth file."""
    from ftcore.exchange import lesson_import

    task = lesson_import.import_lesson(
        validation.existing_path(options.file),
        validation.existing_path(options.vectors),
        **given_settings(options, ["heads"]),
        name=options.name,
        ag_news_source=options.source or "",
    )
    checkpoint = drain(task, out.event)
    # None for other classes than those of AG News.
    accuracy = checkpoint.metrics.get("test_accuracy")
    measured = "" if accuracy is None else f": {percent(accuracy)} on the AG News test set"
    values = {"ref": checkpoint.ref, "parameters": checkpoint.model.parameters}
    values |= {"notes": out.notes}
    out.record(values | checkpoint.metrics, f"Imported as {checkpoint.ref}{measured}.")


def export_checkpoint(options: argparse.Namespace, out: Printer) -> None:
    """Copy a checkpoint to a folder."""
    from ftcore.models import checkpoint_files, checkpoints

    title = options.title or ""
    checkpoint_files.export(checkpoints.find(options.ref), expand_home(options.to), title)
    _exported(options.to, out)


def export_experiment(options: argparse.Namespace, out: Printer) -> None:
    """Write an experiment to a folder: its runs, curves and diagnostics."""
    from ftcore.experiments import catalog

    catalog.export(options.experiment, expand_home(options.to))
    _exported(options.to, out)


def export_data(options: argparse.Namespace, out: Printer) -> None:
    """Write the built-in sample to a new folder, as the code of a run reads it."""
    from ftcore.exchange import script

    script.export_sample(expand_home(options.to))
    _exported(options.to, out)


def code(options: argparse.Namespace, out: Printer) -> None:
    """Print the plain PyTorch code of a run."""
    from ftcore.exchange import script

    text = script.script(options.run)
    out.record({"code": text}, text.rstrip("\n"))


def _exported(folder: str, out: Printer) -> None:
    out.record({"exported": str(expand_home(folder))}, f"Exported to {expand_home(folder)}")
