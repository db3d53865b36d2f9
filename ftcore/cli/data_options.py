"""The options of `data add` and `data edit`, and what they say."""

import argparse
from dataclasses import replace
from typing import Any

from ftcore.data.store.mapping import Columns
from ftcore.data.store.request import Request
from ftcore.errors import UsageError
from ftcore.validation import printable


def add_to(sub: argparse.ArgumentParser) -> None:
    """Add the options to a parser; those that are not given are absent from its result."""

    def option(name: str, help: str, **more: Any) -> None:
        sub.add_argument(name, default=argparse.SUPPRESS, help=help, **more)

    sub.add_argument("--name", required=True, help="its name here")
    option("--title", "how pages call it (default: its name)")
    column = {"metavar": "COLUMN"}
    text = (
        "columns of the text, joined if there are several (default: the one with the longest texts)"
    )
    option("--text", text, nargs="+", action="extend", **column)
    label = (
        "column of the label (default: by its name and number of values); several: each has 1 or 0 for the "
        "label that it is named after"
    )
    option("--label", label, nargs="+", action="extend", **column)
    option(
        "--unlabelled",
        "no column is one of labels: give them on the page Label",
        action="store_true",
    )
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
    add_reading_to(sub)
    option("--label-separator", "what stands between several labels of one text")
    none = (
        "with --label-separator, an empty value means: none of the labels (default: no label yet)"
    )
    option("--empty-is-none", none, action="store_true")
    keep = "keep labels apart that differ only by case or outer space"
    option("--keep-labels", keep, action="store_true")
    _add_label_options(sub)
    near = "leave out training texts that nearly repeat another text of the same label"
    option("--drop-near-duplicates", near, action="store_true")


def add_changes_to(sub: argparse.ArgumentParser) -> None:
    """Add the options of `data edit`."""
    _add_label_options(sub)
    kind = "leave out the texts of a finding, such as two-labels or copies-in-training; may be repeated"
    sub.add_argument(
        "--leave-out", default=argparse.SUPPRESS, action="append", metavar="KIND", help=kind
    )


def _add_label_options(sub: argparse.ArgumentParser) -> None:
    rename = "another name for a label, or that of another label to merge them; may be repeated"
    drop = "leave out the texts of a label; may be repeated"
    for name, metavar, help in (
        ("--rename-label", "OLD=NEW", rename),
        ("--drop-label", "LABEL", drop),
    ):
        sub.add_argument(
            name, default=argparse.SUPPRESS, action="append", metavar=metavar, help=help
        )


def changes(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the options of `data edit` say, as `store.editing.edit` takes it. Raises UsageError."""
    found = {
        "rename_labels": dict(map(_renaming, given.get("rename_label", ()))),
        "drop_labels": given.get("drop_label", ()),
        "leave_out": given.get("leave_out", ()),
    }
    if not any(found.values()):
        raise UsageError("Say what to change: --rename-label, --drop-label or --leave-out.")
    return found


def add_reading_to(sub: Any) -> None:
    """Add the options that say how a file is read; those that are not given are absent."""

    def option(name: str, help: str, **more: Any) -> None:
        sub.add_argument(name, default=argparse.SUPPRESS, help=help, **more)

    option("--delimiter", "character between the columns of a CSV file (default: recognized)")
    option("--encoding", "encoding of the file, such as utf-8 or cp1252 (default: recognized)")
    header = "whether the first row names the columns (default: recognized)"
    option("--header", header, action=argparse.BooleanOptionalAction)
    option("--sheet", "sheet of a spreadsheet (default: the first that has rows)")


def request(given: dict[str, Any]) -> Request:
    """Return what the options say. Raises UsageError if one has no effect, or two exclude each other."""
    labels = tuple(given.get("label", ()))
    columns = Columns(
        tuple(given.get("text", ())), split=given.get("split", ""), group=given.get("group", "")
    )
    if len(labels) > 1:
        columns = replace(columns, indicators=labels)
    else:
        columns = replace(columns, label="".join(labels))
    if given.get("unlabelled"):
        if labels:
            raise UsageError("Texts of a label column are labelled: omit --label or --unlabelled.")
        columns = replace(columns, label=None)
    if given.get("keep_labels") and given.get("label_separator"):
        raise UsageError(
            "Labels in one value are trimmed: omit --keep-labels or --label-separator."
        )
    if given.get("empty_is_none") and not given.get("label_separator"):
        raise UsageError("Without --label-separator a text has one label: omit --empty-is-none.")
    separator, delimiter = given.get("separator", " "), given.get("delimiter", "")
    if "separator" in given and len(columns.text) < 2:
        if delimiter:
            raise UsageError(
                "With one text column, --separator and --delimiter say the same: give one."
            )
        separator, delimiter = " ", separator
    names = {"name", "file", "validation", "test", "encoding", "label_separator", "empty_is_none"}
    names |= {"keep_labels", "header", "sheet", "seed", "title", "drop_near_duplicates"}
    return Request(
        columns=columns,
        separator=unescaped(separator),
        delimiter=unescaped(delimiter),
        rename_labels=dict(map(_renaming, given.get("rename_label", ()))),
        drop_labels=tuple(given.get("drop_label", ())),
        **{name: given[name] for name in names & given.keys()},
    )


def unescaped(text: str) -> str:
    """Return a character that shells make hard to type: a tab or a line break."""
    return text.replace("\\t", "\t").replace("\\n", "\n")


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old.strip() and equals and new.strip()):
        raise UsageError(f"{printable(text)!r} renames no label: give OLD=NEW.")
    return old, new
