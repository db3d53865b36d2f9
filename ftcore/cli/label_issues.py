"""The command that lists the labels of a dataset that a model finds unlikely."""

import argparse
from typing import TYPE_CHECKING, Any

from ftcore import answers
from ftcore.cli import streams
from ftcore.cli.encoders import import_given
from ftcore.cli.options import add_setting, given_settings
from ftcore.cli.printer import Printer
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.data.store.card import PARTS
from ftcore.events import drain
from ftcore.formatting import count, duration
from ftcore.validation import printable

if TYPE_CHECKING:
    from ftcore.labelling.second_look import Doubt, SecondLook

_SHOWN = 20  # to people, by default
_MOST = 10_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""

    body = (
        "checkpoint or run whose frozen body reads the texts; in place of one that was trained on these "
        "labels, what it started from"
    )
    default = SETTINGS["checkpoint"].default
    parser.add_argument(
        "--checkpoint", metavar="REF", default=default, help=f"{body} (default: {default})"
    )
    help = f"most texts to list (default: {_SHOWN}, with --json all)"
    parser.add_argument("--limit", type=_limit, metavar="N", help=help)
    help = "texts to list (default: all)"
    parser.add_argument("--part", choices=("all", *PARTS), default="all", help=help)
    add_setting(parser, SETTINGS["source"], SETTINGS["source"].default)
    add_setting(parser, SETTINGS["max_length"], SETTINGS["max_length"].default)


def _limit(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MOST:
        return int(text[:9])
    raise argparse.ArgumentTypeError(f"choose from 1 to {_MOST}")


def label_issues(options: argparse.Namespace, out: Printer) -> None:
    """List texts whose label a model that has not seen it finds unlikely, most suspicious first."""
    from ftcore.labelling import second_look
    from ftcore.runs.checks import refuse_unused_paths

    # Each JSON line is a text, so what happens meanwhile is for people.
    events = Printer(as_json=False, write=streams.complain) if out.as_json else out
    given = {name: value for name, value in given_settings(options).items() if name != "limit"}
    given = import_given(given, None, events)
    config = FineTuneConfig.from_dict(given | {"mode": "linear-probe"})
    refuse_unused_paths(config)
    found = drain(second_look.look(config, options.part), events.event)
    listed = found.doubts[: options.limit or (None if out.as_json else _SHOWN)]
    for doubt in listed:
        out.record(_values(found, doubt), _line(found, doubt))
    if not out.as_json:
        streams.write(_summary(found, len(listed)))


def _values(found: "SecondLook", doubt: "Doubt") -> dict[str, Any]:
    label, suggested = found.names(doubt.label), found.names(doubt.suggested)
    return {
        "row": doubt.address.row,
        "part": doubt.address.part,
        "text": doubt.text,
        "label": label if found.multi_label else label[0],
        "suggested": suggested if found.multi_label else suggested[0],
        "score": doubt.score,
        "confident": doubt.confident,
    }


def _line(found: "SecondLook", doubt: "Doubt") -> str:
    label, suggested = (
        printable(", ".join(found.names(each)) or answers.NO_LABEL)
        for each in (doubt.label, doubt.suggested)
    )
    text = printable(" ".join(doubt.text.split()))
    where = f"{doubt.address.part} row {doubt.address.row:,}"
    return f"{doubt.score:.3f}  {where}: {label} → {suggested}?\n       {text}"


def _summary(found: "SecondLook", listed: int) -> str:
    """What was found, in sentences."""
    of = f"Of {count(found.judged)} labels, "
    if not found.doubts:
        return f"\n{of}none is less likely than another.\n"
    are = "1 is" if len(found.doubts) == 1 else f"{count(len(found.doubts))} are"
    lines = [
        f"{of}{are} less likely than another, by the vectors of {found.checkpoint}; confident learning "
        f"counts {count(found.confident)} as wrong.",
        f"Vectors {duration(found.vectors_seconds)}, fits {duration(found.fitting_seconds)}.",
    ]
    if listed < len(found.doubts):
        lines.append(f"The first {count(listed)} are listed (--limit).")
    return "\n" + "\n".join(lines) + "\n"
