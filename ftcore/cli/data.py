"""The commands below `data`: a user's own datasets."""

import argparse
from collections.abc import Callable

from ftcore.cli import data_correct, data_options, removal
from ftcore.cli.printer import Printer, program
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.validation import expand_home

_SHOWN_TEXTS = 10  # of a finding


def add_parsers(parser: argparse.ArgumentParser, as_json: str) -> None:
    """Add the commands below `data`; `as_json` is the help of --json."""
    commands = parser.add_subparsers(required=True, metavar="ACTION")

    def command(
        action: str, run: Callable[..., None], **positionals: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(action, help=run.__doc__, description=run.__doc__)
        sub.add_argument("--json", action="store_true", help=as_json)
        for positional, help in positionals.items():
            sub.add_argument(positional, metavar=positional.upper(), help=help)
        sub.set_defaults(command=run)
        return sub

    stored = "a dataset's name, as `data list` shows it"
    any_version = f"{stored}; NAME@3 is the data with the first 3 changes of labels"
    data_options.add_to(
        command("add", add, file="file, folder or zip of the texts, or OWNER/NAME of the Hub")
    )
    command("list", list_datasets)
    sub = command("show", show, name=any_version)
    fit = "also say how the texts fit a checkpoint: lengths, words that it does not know"
    sub.add_argument("--checkpoint", default=argparse.SUPPRESS, metavar="REF", help=fit)
    sub = command(
        "export", export, name=any_version, folder="folder to create, with a file for each part"
    )
    sub.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default: csv")
    command("rename", rename, name=stored, new="its new name")
    data_options.add_changes_to(command("edit", edit, name=stored))
    data_correct.add_arguments(command("correct", data_correct.correct, name=stored))
    sub = command("remove", removal.remove_dataset, name=stored)
    sub.add_argument(
        "--end-dependents", action="store_true", help="stop the runs that need it first"
    )


def add(options: argparse.Namespace, out: Printer) -> None:
    """Store data of your own, to train on by its name."""
    from ftcore.cli import data_card
    from ftcore.data import datasets

    added = drain(datasets.add(data_options.request(vars(options))), out.event)
    out.record(data_card.values(added), data_card.summary(added))


def list_datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets that you added."""
    from ftcore.data.store import card, versions

    names = card.names()
    if not names:
        out.nothing(f"You have added no data yet; {program()} data add FILE --name NAME does.")
    for name in names:
        try:
            found = versions.get(name)
        except UnfreezeError as error:  # it can be removed all the same
            out.record({"name": name, "error": str(error)}, f"{name:20} {error}")
            continue
        values = {"name": name, "title": found.title, "texts": found.stored, **found.sizes}
        values |= {"unlabelled": found.unlabelled, "version": found.version}
        values |= {"classes": len(found.labels), "fingerprint": found.fingerprint}
        values |= {"added": found.added, "source": found.source}
        line = f"{name:20} {found.stored:>10,} texts {len(found.labels):>5} classes"
        line += f"  {found.waiting:,} without a label" if found.waiting else ""
        out.record(values, line)


def show(options: argparse.Namespace, out: Printer) -> None:
    """Show what is known of a dataset that you added."""
    from ftcore.cli import data_card
    from ftcore.data.store import versions

    found = versions.get(options.name)
    lines = [data_card.summary(found, _SHOWN_TEXTS)]
    values = data_card.values(found)
    if ref := vars(options).get("checkpoint"):
        from ftcore.data import datasets
        from ftcore.models import checkpoints, text_fit

        checkpoint = checkpoints.find(ref)
        texts = drain(datasets.load(options.name), out.event).train.texts
        fit = [each.sentence for each in drain(text_fit.examine(checkpoint, texts), out.event)]
        values["fit"] = fit
        lines += fit or [
            f"The texts fit {checkpoint.title}: it knows their words and reads them whole."
        ]
    out.record(values, "\n".join(lines))


def export(options: argparse.Namespace, out: Printer) -> None:
    """Write the texts of a dataset, as they were cleaned, to a new folder."""
    from ftcore.data.store import exporting, versions

    folder = expand_home(options.folder)
    drain(exporting.export(versions.get(options.name), folder, options.format), out.event)
    out.record({"exported": str(folder)}, f"Exported to {folder}")


def rename(options: argparse.Namespace, out: Printer) -> None:
    """Give a dataset that you added another name; refused while a run needs it."""
    from ftcore import tracking

    tracking.rename_dataset(options.name, options.new)
    out.record({"renamed": options.name, "name": options.new}, f"Renamed to {options.new}")


def edit(options: argparse.Namespace, out: Printer) -> None:
    """Change a dataset that you added, and look for findings again; refused while a run needs it."""
    from ftcore import tracking
    from ftcore.cli import data_card

    changes = data_options.changes(vars(options))
    changed = drain(tracking.edit_dataset(options.name, **changes), out.event)
    out.record(data_card.values(changed), data_card.summary(changed))
