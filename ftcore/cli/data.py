"""The commands `data add`, `list`, `show`, `export`, `rename` and `remove`: a user's own datasets."""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

from ftcore.cli.printer import Printer
from ftcore.data.store import card
from ftcore.data.store.card import PARTS, Card
from ftcore.data.store.mapping import Columns
from ftcore.data.store.request import Request
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from ftcore.formatting import listing
from ftcore.validation import expand_home, printable

_SHOWN_CLASSES = 20
_SHOWN_TEXTS = 10  # of a finding
_ACTIONS = {  # what to do about a finding
    "drop-near-duplicates": "(--drop-near-duplicates)",
    "merge-labels": "(--rename-label OLD=NEW, --drop-label LABEL)",
}


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
    _add_options(
        command("add", add, file="file, folder or zip of the texts, or OWNER/NAME of the Hub")
    )
    command("list", list_datasets)
    sub = command("show", show, name=stored)
    fit = "also say how the texts fit a checkpoint: lengths, words that it does not know"
    sub.add_argument("--checkpoint", default=argparse.SUPPRESS, metavar="REF", help=fit)
    sub = command(
        "export", export, name=stored, folder="folder to create, with a file for each part"
    )
    sub.add_argument("--format", choices=("csv", "parquet"), default="csv", help="default: csv")
    command("rename", rename, name=stored, new="its new name")
    sub = command("remove", remove, name=stored)
    sub.add_argument(
        "--end-dependents", action="store_true", help="stop the runs that need it first"
    )


def _add_options(sub: argparse.ArgumentParser) -> None:
    def option(name: str, help: str, **more: Any) -> None:
        sub.add_argument(name, default=argparse.SUPPRESS, help=help, **more)

    sub.add_argument("--name", required=True, help="its name here")
    option("--title", "how pages call it (default: its name)")
    column = {"metavar": "COLUMN"}
    text = (
        "columns of the text, joined if there are several (default: the one with the longest texts)"
    )
    option("--text", text, nargs="+", action="extend", **column)
    option("--label", "column of the label (default: by its name and number of values)", **column)
    split = "column that says train, validation (or val, dev) or test (default: by its values)"
    option("--split", split, **column)
    option("--group", "texts with the same value in this column stay in one part", **column)
    option("--validation", "file of the validation texts", metavar="FILE")
    option("--test", "file of the test texts", metavar="FILE")
    option("--seed", "seed of the validation and test texts that are drawn (default: 0)", type=int)
    separator = (
        "what stands between the texts of several columns (default: a space); with one text column, the "
        "delimiter of the file"
    )
    option("--separator", separator)
    option("--delimiter", "character between the columns of a CSV file (default: recognized)")
    option("--encoding", "encoding of the file, such as utf-8 or cp1252 (default: recognized)")
    header = "whether the first row names the columns (default: recognized)"
    option("--header", header, action=argparse.BooleanOptionalAction)
    option("--sheet", "sheet of a spreadsheet (default: the first that has rows)")
    option("--label-separator", "what stands between several labels of one text")
    keep = "keep labels apart that differ only by case or outer space"
    option("--keep-labels", keep, action="store_true")
    rename = "another name for a label, or that of another label to merge them; may be repeated"
    option("--rename-label", rename, action="append", metavar="OLD=NEW")
    drop = "leave out the texts of a label; may be repeated"
    option("--drop-label", drop, action="append", metavar="LABEL")
    near = "leave out training texts that nearly repeat another text of the same label"
    option("--drop-near-duplicates", near, action="store_true")


def add(options: argparse.Namespace, out: Printer) -> None:
    """Store data of your own, to train on by its name."""
    from ftcore.data import datasets

    added = drain(datasets.add(_request(vars(options))), out.event)
    out.record(_values(added), _summary(added))


def list_datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets that you added."""
    for name in card.names():
        try:
            found = card.get(name)
        except UnfreezeError as error:  # it can be removed all the same
            out.record({"name": name, "error": str(error)}, f"{name:20} {error}")
            continue
        texts = sum(found.sizes.values())
        values = {"name": name, "title": found.title, "texts": texts, **found.sizes}
        values |= {"classes": len(found.labels), "fingerprint": found.fingerprint}
        values |= {"added": found.added, "source": found.source}
        out.record(values, f"{name:20} {texts:>10,} texts {len(found.labels):>5} classes")


def show(options: argparse.Namespace, out: Printer) -> None:
    """Show what is known of a dataset that you added."""
    found = card.get(options.name)
    lines = [_summary(found, _SHOWN_TEXTS)]
    values = _values(found)
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
    from ftcore.data.store import exporting

    folder = expand_home(options.folder)
    drain(exporting.export(card.get(options.name), folder, options.format), out.event)
    out.record({"exported": str(folder)}, f"Exported to {folder}")


def rename(options: argparse.Namespace, out: Printer) -> None:
    """Give a dataset that you added another name; refused while a run needs it."""
    from ftcore import tracking

    tracking.rename_dataset(options.name, options.new)
    out.record({"renamed": options.name, "name": options.new}, f"Renamed to {options.new}")


def remove(options: argparse.Namespace, out: Printer) -> None:
    """Delete a dataset that you added; refused while a run needs it."""
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    if not options.end_dependents:
        way_out = "finish or stop that first, or give --end-dependents"
        tracking.dataset_dependents(options.name).refuse(way_out)
    scheduler.delete_dataset(options.name)
    out.record({"removed": options.name}, f"Removed {options.name}")


def _request(given: dict[str, Any]) -> Request:
    """Return what the options say. Raises UsageError if one has no effect, or two exclude each other."""
    columns = Columns(
        tuple(given.get("text", ())), *(given.get(each, "") for each in ("label", "split", "group"))
    )
    if given.get("keep_labels") and given.get("label_separator"):
        raise UsageError(
            "Labels in one value are trimmed: omit --keep-labels or --label-separator."
        )
    separator, delimiter = given.get("separator", " "), given.get("delimiter", "")
    if "separator" in given and len(columns.text) < 2:
        if delimiter:
            raise UsageError(
                "With one text column, --separator and --delimiter say the same: give one."
            )
        separator, delimiter = " ", separator
    names = {"name", "file", "validation", "test", "encoding", "label_separator", "keep_labels"}
    names |= {"header", "sheet", "seed", "title", "drop_near_duplicates"}
    return Request(
        columns=columns,
        separator=_unescaped(separator),
        delimiter=_unescaped(delimiter),
        rename_labels=dict(map(_renaming, given.get("rename_label", ()))),
        drop_labels=tuple(given.get("drop_label", ())),
        **{name: given[name] for name in names & given.keys()},
    )


def _unescaped(text: str) -> str:
    """Return a character that shells make hard to type: a tab or a line break."""
    return text.replace("\\t", "\t").replace("\\n", "\n")


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old.strip() and equals and new.strip()):
        raise UsageError(f"{printable(text)!r} renames no label: give OLD=NEW.")
    return old, new


def _values(found: Card) -> dict[str, Any]:
    """Return a card for JSON."""
    values = dataclasses.asdict(found)
    return values | {"texts": sum(found.sizes.values()), "path": str(found.texts)}


def _summary(found: Card, listed: int = 0) -> str:
    """Return the lines that describe a dataset to people, with the first texts of each finding."""
    mapping = found.mapping
    several = "Labels (several a text)" if found.multi_label else "Label"
    columns = [f"text: {listing(mapping['text'])}", f"{several.lower()}: {mapping['label']}"]
    columns += [f"{each}: {mapping[each]}" for each in ("split", "group") if mapping[each]]
    lines = [f"{found.title}, from {found.source}", f"Columns: {'; '.join(columns)}"]
    lines += [_form(file) for file in found.files]
    sizes = ", ".join(f"{found.sizes[part]:,} {part}" for part in PARTS)
    lines.append(f"Texts: {sizes}; fingerprint {found.fingerprint}")
    for label in found.labels[:_SHOWN_CLASSES]:
        counts = " ".join(f"{found.counts[part][label]:>9,}" for part in PARTS)
        lines.append(f"  {counts}  {printable(label)}")
    if len(found.labels) > _SHOWN_CLASSES:
        lines.append(f"  and {len(found.labels) - _SHOWN_CLASSES:,} more classes")
    if found.left_out:
        reasons = [f"{count:,} for: {reason}" for reason, count in found.left_out.items()]
        lines.append(f"Rows left out: {'; '.join(reasons)}")
    findings = [line for each in found.findings for line in _finding(each, listed)]
    return "\n".join([*lines, *found.notes, *findings])


def _finding(finding: dict[str, Any], texts: int = 0) -> list[str]:
    """Return what a finding says, the option that acts on it, and the first of its texts."""
    lines = [" ".join(filter(None, (finding["sentence"], _ACTIONS.get(finding["action"]))))]
    for text in finding["texts"][:texts]:
        lines.append(f"  row {text['row']:,} ({text['part']}): {text['text']}")
        if "like_row" in text:
            lines.append(f"    row {text['like_row']:,} ({text['like_part']}): {text['like_text']}")
    if 0 < texts < len(finding["texts"]):
        lines.append("  and more; --json lists up to 100")
    return lines


def _form(file: dict[str, Any]) -> str:
    """Return how a file was read."""
    form = [file["kind"], file["encoding"], file["compression"]]
    form += [f"delimiter {file['delimiter']!r}"] if file["delimiter"] else []
    if file["kind"] == "csv":
        form.append("with a header" if file["header"] else "without a header")
    return f"Read: {file['path']}, {file['rows']:,} rows ({', '.join(filter(None, form))})"
