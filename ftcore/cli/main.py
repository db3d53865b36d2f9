"""The parser of all commands. What a command needs is imported when it runs, after parsing."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from ftcore import __version__
from ftcore.cli import app, compare, exports, listings, prediction, training
from ftcore.cli.printer import Printer
from ftcore.config import add_arguments
from ftcore.errors import UnfreezeError

Command = Callable[[argparse.Namespace, Printer], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        return options.command(options, Printer(options.json)) or 0
    except UnfreezeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as head, has ended
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ftcore", description="Fine-tune text classifiers from the command line."
    )
    parser.add_argument("--version", action="version", version=f"unfreeze {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.add_argument("--json", action="store_true", help="JSON lines instead of text")
        sub.set_defaults(command=command)
        return sub

    add("app", app.app).add_argument("--port", type=int, default=8501, help="(default %(default)s)")

    add("datasets", listings.datasets)
    add("checkpoints", listings.checkpoints)
    add("runs", listings.runs)
    add("experiments", listings.experiments)

    add_arguments(add("train", training.train))
    add_arguments(add("pretrain", training.pretrain))
    add_arguments(add("find-rate", training.find_rate))
    add("resume", training.resume).add_argument("run", help="id of a run")

    sub = add("compare", compare.compare)
    add_arguments(sub, without=("mode", "seed"))
    sub.add_argument("--modes", default="full,last-layer,gradual,scratch", help="modes, by commas")
    sub.add_argument("--seeds", default="0", help="seeds, by commas; each mode runs with each")
    sub.add_argument("--references", action="store_true", help="also the reference lines")
    sub.add_argument("--export", default="", metavar="FOLDER", help="new folder to export to")

    sub = add("predict", prediction.predict)
    source = sub.add_mutually_exclusive_group()
    source.add_argument("--run", default="", help="id of a run")
    source.add_argument("--checkpoint", default="sentiment", help="name of a checkpoint")
    sub.add_argument("texts", nargs="+")

    sub = add("vectors", training.vectors)
    sub.add_argument("sources", nargs="*", help="IMDB archives and AG News folders; none: GloVe")
    sub.add_argument("--out", default="vectors.txt", help="file to write")
    sub.add_argument("--words", type=int, default=30_000, help="number of most frequent words")
    sub.add_argument("--dim", type=int, default=100, help="numbers per word")
    sub.add_argument("--epochs", type=int, default=6, help="passes over the texts")
    sub.add_argument("--window", type=int, default=8, help="words of context on each side")
    sub.add_argument("--seed", type=int, default=0)

    sub = add("import", exports.import_lesson)
    sub.add_argument("file", help="the lesson's model file")
    sub.add_argument("--vectors", required=True, help="GloVe file that the model was trained with")
    sub.add_argument("--heads", type=int, default=2, help="attention heads; not in the file")
    sub.add_argument("--name", default="lesson", help="name of the new checkpoint")
    sub.add_argument("--source", default="", help="AG News folder (default: download it)")

    sub = add("export", exports.export_checkpoint)
    sub.add_argument("ref", help="a checkpoint's name or a run id")
    sub.add_argument("to", help="folder to create")
    sub.add_argument("--title", default="")

    sub = add("export-experiment", exports.export_experiment)
    sub.add_argument("experiment", help="its id, as `experiments` lists it")
    sub.add_argument("to", help="folder to create")

    sub = add("export-data", exports.export_data)
    sub.add_argument("dataset", choices=["sample"], help="the built-in dataset")
    sub.add_argument("to", help="folder for train.csv and test.csv")

    add("code", exports.code).add_argument("run", help="id of a run")
    return parser
