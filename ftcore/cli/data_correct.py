"""The command `data correct`: another label for one text, or none, and back."""

import argparse
import getpass
from typing import Any

from ftcore import answers
from ftcore.cli.printer import Printer
from ftcore.data.store.card import PARTS
from ftcore.validation import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    help = "0-based row of the file that the text came from, as `label-issues` gives it"
    parser.add_argument("--row", type=_row, metavar="N", required=True, help=help)
    help = "part of the text, where files of several parts have such a row"
    parser.add_argument("--part", choices=PARTS, default=argparse.SUPPRESS, help=help)
    what = parser.add_mutually_exclusive_group(required=True)
    help = "its label; may be repeated where a text may have several"
    what.add_argument("--label", action="append", metavar="LABEL", help=help)
    help = "it has none of the labels, where a text may have several"
    what.add_argument("--no-label", action="store_true", help=help)
    what.add_argument("--drop", action="store_true", help="leave it out from now on")
    help = "take back what was changed last about it"
    what.add_argument("--undo", action="store_true", help=help)
    help = "who says so (default: the name of the user)"
    parser.add_argument("--by", metavar="NAME", default=argparse.SUPPRESS, help=help)


def _row(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 12:
        return int(text)
    raise argparse.ArgumentTypeError("choose 0 or more")


def correct(options: argparse.Namespace, out: Printer) -> None:
    """Correct the label of one text, or drop it, as a new version of the data; --undo takes it back."""
    from ftcore.data.store import addresses, correcting, labelling, versions

    given = vars(options)
    card = versions.get(options.name)
    address = addresses.find(card, options.row, given.get("part", ""))
    before = labelling.originals(card).state(address.text)
    was = versions.states(card).get(address.text, before)
    by = given.get("by") or _user()
    if options.undo:
        version = correcting.take_back(card, address, by)
    else:
        label = None if options.drop else () if options.no_label else options.label
        version = correcting.correct(card, address, label, by)
    now = versions.states(versions.at(card, version)).get(address.text, before)
    values: dict[str, Any] = {"name": card.name, "version": version, "row": address.row}
    values |= {"part": address.part, "was": was.label, "label": now.label, "origin": now.origin}
    line = (
        f"Row {address.row:,} ({address.part}): {_shown(was)} → {_shown(now)}. "
        f"This is version {version:,}, {card.name}@{version}."
    )
    out.record(values, line)


def _shown(state: Any) -> str:
    if state.label is None:
        return state.origin or "no label yet"
    return printable(", ".join(state.label)) or answers.NO_LABEL


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        return "command line"
