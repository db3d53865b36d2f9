"""The parser of all commands. What a command needs is imported when it runs, after parsing."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ftcore import __version__, paths
from ftcore.cli import compare, exports, listings, removal, streams, training
from ftcore.cli.options import add_arguments
from ftcore.cli.printer import Printer, program
from ftcore.config import mode_defaults
from ftcore.errors import UsageError, user_message
from ftcore.training import lr_search

Command = Callable[[argparse.Namespace, Printer], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        streams.prepare()
        logging.basicConfig(level=logging.ERROR, format="%(message)s")
        options = _parser().parse_args(arguments)
        return options.command(options, Printer(getattr(options, "json", False))) or 0
    except BrokenPipeError:  # the reader of the output, such as head, has ended
        return 141  # 128 + SIGPIPE, as of a program that the signal ended
    except KeyboardInterrupt:
        streams.complain("Interrupted.")
        return 130
    except Exception as error:
        message = user_message(error)
        if not message:
            raise
        streams.complain(message)
        return 2 if isinstance(error, UsageError) else 1


class _Parser(argparse.ArgumentParser):
    """A parser whose help fails if it cannot be written; argparse ignores that."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            streams.write(message)
        else:
            streams.complain(message.rstrip("\n"))


def app(options: argparse.Namespace, printer: Printer) -> None:
    """Start the dashboard in the browser."""
    # Streamlit reads .streamlit/config.toml beside the script, so the settings hold in any working directory.
    script = str(paths.ROOT / "app.py")
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(options.port)]
    os.execv(sys.executable, command)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program(), description="Fine-tune text classifiers from the command line."
    )
    parser.add_argument("--version", action="version", version=f"unfreeze {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    as_json, ref = "JSON lines instead of text", "a checkpoint's name or a run id"

    def add(
        name: str, command: Command, json: bool = True, **positionals: str
    ) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=command.__doc__, description=command.__doc__)
        if json:
            sub.add_argument("--json", action="store_true", help=as_json)
        for positional, positional_help in positionals.items():
            sub.add_argument(positional, help=positional_help)
        sub.set_defaults(command=command)
        return sub

    def option(parser: Any, name: str, default: str | int, help: str) -> None:
        help = f"{help} (default: %(default)s)"
        parser.add_argument(name, type=type(default), default=default, help=help)

    option(add("app", app, json=False), "--port", 8501, "port")

    add("datasets", listings.datasets)
    sub = add("checkpoints", listings.checkpoints)
    actions = sub.add_subparsers(metavar="ACTION", title="other actions")
    help = removal.remove_checkpoint.__doc__
    sub = actions.add_parser("remove", help=help, description=help)
    sub.add_argument("ref", metavar="REF", help=ref)
    sub.add_argument(
        "--end-dependents", action="store_true", help="stop the runs that need it first"
    )
    sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=as_json)
    sub.set_defaults(command=removal.remove_checkpoint)
    add("runs", listings.runs)
    add("experiments", listings.experiments)

    add_arguments(add("train", training.train))
    add_arguments(
        add("pretrain", training.pretrain),
        without=("checkpoint", "mode", "groups", "source_task_data"),
        defaults={"dataset": training.PRETRAIN_DATASET, **vars(mode_defaults("full"))},
    )
    add_arguments(add("find-rate", training.find_rate), without=lr_search.UNUSED)
    add("resume", training.resume, run="id of a run")

    sub = add("compare", compare.compare)
    add_arguments(sub, without=("mode", "seed"), defaults=compare.DEFAULTS)
    help = f"modes, by commas (default: {compare.MODES})"
    sub.add_argument("--modes", default=argparse.SUPPRESS, help=help)
    help = f"seeds, by commas; each mode runs with each (default: {compare.SEEDS})"
    sub.add_argument("--seeds", default=argparse.SUPPRESS, help=help)
    help = "also the reference lines"
    sub.add_argument("--references", action="store_true", default=argparse.SUPPRESS, help=help)
    sub.add_argument("--export", default="", metavar="FOLDER", help="new folder to export to")
    help = "id of an experiment that was interrupted or paused: go on with what is left of it"
    sub.add_argument("--resume", default="", metavar="ID", help=help)

    sub = add("predict", listings.predict)
    source = sub.add_mutually_exclusive_group()
    source.add_argument("--run", default="", help="id of a run")
    option(source, "--checkpoint", "sentiment", "name of a checkpoint")
    sub.add_argument("texts", nargs="+")

    sub = add("vectors", training.vectors)
    sub.add_argument("sources", nargs="*", help="IMDB archives and AG News folders; none: GloVe")
    option(sub, "--words", 30_000, "words")
    option(sub, "--dim", 100, "numbers per word")
    for name, help in {
        "out": "file to create",
        "epochs": "passes over the texts",
        "window": "words of context on each side",
        "seed": "seed of the training",
    }.items():
        default = training.VECTOR_DEFAULTS[name]
        help = f"{help}; not for GloVe (default: {default})"
        sub.add_argument(f"--{name}", type=type(default), default=argparse.SUPPRESS, help=help)

    sub = add("import", exports.import_lesson, file="the lesson's model file")
    sub.add_argument("--vectors", required=True, help="GloVe file that the model was trained with")
    option(sub, "--heads", 2, "attention heads; not in the file")
    option(sub, "--name", "lesson", "name of the new checkpoint")
    sub.add_argument("--source", default="", help="AG News folder (default: download it)")

    to = "folder to create"
    sub = add("export", exports.export_checkpoint, ref=ref, to=to)
    sub.add_argument("--title", default="", help="its new title (default: the checkpoint's)")

    experiment = "its id, as `experiments` lists it"
    add("export-experiment", exports.export_experiment, experiment=experiment, to=to)

    sub = add("export-data", exports.export_data)
    sub.add_argument("dataset", choices=["sample"], help="the built-in dataset")
    sub.add_argument("to", help="folder to create, with train.csv and test.csv")

    add("code", exports.code, run="id of a run")
    return parser
