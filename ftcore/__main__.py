"""The same core from the command line: `python -m ftcore --help`."""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from ftcore import config
from ftcore.cli import commands, compare
from ftcore.cli.printer import Printer
from ftcore.errors import UnfreezeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        return int(options.command(options, Printer(options.json)) or 0)
    except UnfreezeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (head, grep -q) has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ftcore", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function: Any, name: str = "") -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name or function.__name__, help=function.__doc__, description=function.__doc__
        )
        sub.add_argument("--json", action="store_true", help="JSON lines instead of text")
        sub.set_defaults(command=function)
        return sub

    command(commands.datasets)
    command(commands.checkpoints)
    command(commands.runs)
    config.add_arguments(command(commands.train))
    config.add_arguments(command(commands.pretrain))
    config.add_arguments(command(commands.find_rate, "find-rate"))

    sub = command(compare.compare)
    config.add_arguments(sub, without=("mode", "seed"))
    sub.add_argument("--modes", default="full,last-layer,gradual,scratch", help="modes, by commas")
    sub.add_argument("--seeds", default="0", help="seeds, by commas; each mode runs with each")
    sub.add_argument("--references", action="store_true", help="also the reference lines")
    sub.add_argument("--export", default="", metavar="FOLDER", help="write it to a new folder")
    command(compare.experiments)
    sub = command(compare.export_experiment, "export-experiment")
    sub.add_argument("experiment", help="its id, as `experiments` lists it")
    sub.add_argument("to", help="folder to create")

    sub = command(commands.vectors)
    sub.add_argument("sources", nargs="*", help="IMDB archives and AG News folders; none: GloVe")
    sub.add_argument("--out", default="vectors.txt", help="file to write")
    sub.add_argument("--words", type=int, default=30_000, help="most frequent words kept")
    sub.add_argument("--dim", type=int, default=100, help="numbers a word")
    sub.add_argument("--epochs", type=int, default=6, help="passes over the texts")
    sub.add_argument("--window", type=int, default=8, help="words of context on each side")
    sub.add_argument("--seed", type=int, default=0)

    sub = command(commands.import_lesson, "import")
    sub.add_argument("file", help="the lesson's model file")
    sub.add_argument("--vectors", required=True, help="the GloVe file that the model was made with")
    sub.add_argument("--heads", type=int, default=2, help="attention heads; the file does not say")
    sub.add_argument("--name", default="lesson", help="name of the new checkpoint")
    sub.add_argument("--source", default="", help="AG News folder; empty downloads it")

    sub = command(commands.export)
    sub.add_argument("ref", help="a checkpoint's name or a run id")
    sub.add_argument("to", help="folder to create")
    sub.add_argument("--title", default="")

    sub = command(commands.export_data, "export-data")
    sub.add_argument("dataset", choices=["sample"], help="the one that is built in")
    sub.add_argument("to", help="folder to write train.csv and test.csv into")

    command(commands.resume).add_argument("run", help="id of a run")
    command(commands.code).add_argument("run", help="id of a run")

    sub = command(commands.predict)
    which = sub.add_mutually_exclusive_group()
    which.add_argument("--run", default="", help="id of a run")
    which.add_argument("--checkpoint", default="sentiment", help="name of a checkpoint")
    sub.add_argument("texts", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
