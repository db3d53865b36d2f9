"""The parser of all commands. What a command needs is imported when it runs, after parsing."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ftcore import __version__, paths
from ftcore.cli import (
    calibrate,
    compare,
    data,
    experiment,
    exports,
    label_issues,
    learning_curve,
    listings,
    predict,
    removal,
    serve,
    streams,
    takeaway,
    training,
    worker,
)
from ftcore.cli.options import add_arguments, add_preset, add_setting
from ftcore.cli.printer import Printer, program
from ftcore.errors import UsageError, user_message
from ftcore.exchange.formats import FORMATS, PLAIN
from ftcore.modes import mode_defaults
from ftcore.serving import snippets
from ftcore.text.vector_settings import VECTOR_SETTINGS
from ftcore.training import lr_search

Command = Callable[[argparse.Namespace, Printer], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        streams.prepare()
        logging.basicConfig(level=logging.ERROR, format="%(message)s")
        options = _parser().parse_args(arguments)
        if empty := [name for name, value in vars(options).items() if value == ""]:
            raise UsageError(f"{empty[0]} is empty: give a value, or omit the option.")
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
    """A parser that fails if its help cannot be written, and whose errors are short."""

    def error(self, message: str) -> NoReturn:
        super().error(message if len(message) < 500 else f"{message[:200]} … {message[-200:]}")

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


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text[:6]) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError("choose from 1 to 65535")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program(), description="Fine-tune text classifiers from the command line."
    )
    parser.add_argument("--version", action="version", version=f"unfreeze {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    revision = "branch, tag or commit of a checkpoint that is named as on the Hub"
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

    def add_port(parser: argparse.ArgumentParser, default: int) -> None:
        parser.add_argument(
            "--port", type=_port, default=default, help="port (default: %(default)s)"
        )

    def option(parser: Any, name: str, default: str, help: str) -> None:
        parser.add_argument(name, default=default, help=f"{help} (default: %(default)s)")

    sub = add("app", app, json=False)
    add_port(sub, 8501)

    add("datasets", listings.datasets)
    what = "Add, list, show, export, rename, correct and remove data of your own."
    data.add_parsers(subparsers.add_parser("data", help=what, description=what), as_json)
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

    sub = add("train", training.train)
    add_arguments(sub)
    add_preset(sub)
    sub.add_argument("--revision", help=revision)
    add_arguments(
        add("pretrain", training.pretrain),
        without=("checkpoint", "mode", "groups", "source_task_data", "keep_model"),
        defaults={"dataset": training.PRETRAIN_DATASET, **vars(mode_defaults("full"))},
    )
    sub = add("find-rate", training.find_rate)
    add_arguments(sub, without=lr_search.UNUSED)
    add_preset(sub)
    sub.add_argument("--revision", help=revision)
    add("resume", training.resume, run="id of a run")

    worker.add_arguments(add("worker", worker.worker, json=False))

    sub = add("compare", compare.compare)
    add_arguments(sub, without=("mode", "seed"), defaults=compare.DEFAULTS)
    add_preset(sub)
    sub.add_argument("--revision", help=revision)
    experiment.add_arguments(sub, compare.MODES, compare.SEEDS)
    compare.add_own_arguments(sub)
    sub = add("learning-curve", learning_curve.learning_curve)
    add_arguments(sub, without=("mode", "seed", "limit"), defaults=learning_curve.DEFAULTS)
    add_preset(sub)
    sub.add_argument("--revision", help=revision)
    experiment.add_arguments(sub, learning_curve.MODES, learning_curve.SEEDS)
    learning_curve.add_own_arguments(sub)

    sub = add("predict", predict.predict)
    source = sub.add_mutually_exclusive_group()
    source.add_argument("--run", help="id of a run")
    option(source, "--checkpoint", "sentiment", "name of a checkpoint")
    predict.add_arguments(sub)
    calibrate.add_arguments(
        add("calibrate", calibrate.calibrate, ref="id of a run, or a copy of its checkpoint")
    )

    what = f"{ref}, or a folder that was exported as ONNX"
    sub = add("serve", serve.serve, ref=what)
    add_port(sub, snippets.PORT)
    serve.add_arguments(sub)

    what = "name of the data"
    label_issues.add_arguments(add("label-issues", label_issues.label_issues, dataset=what))

    sub = add("vectors", training.vectors)
    sub.add_argument("sources", nargs="*", help="IMDB archives and AG News folders; none: GloVe")
    for setting in VECTOR_SETTINGS.values():
        add_setting(sub, setting, setting.default)

    what = "a package (.zip), the lesson's model file, or an encoder: its folder, or its name on the Hub"
    sub = add("import", exports.import_checkpoint, source=what)
    help = "name of the new checkpoint; an encoder keeps its own (default: lesson)"
    sub.add_argument("--name", help=help)
    sub.add_argument("--revision", help=revision)
    lesson = sub.add_argument_group("of the lesson's model file")
    help = "GloVe file that the model was trained with; required"
    lesson.add_argument("--vectors", help=help)
    help = "attention heads; not in the file (default: 2)"
    lesson.add_argument("--heads", type=int, default=argparse.SUPPRESS, help=help)
    lesson.add_argument("--source", dest="ag_news", help="AG News folder (default: download it)")

    to, target = "folder to create", "folder to create, or file of a format that is one"
    of_html = f"{ref}; of html also several, with commas between them, or an experiment's id"
    sub = add("export", exports.export_checkpoint, ref=of_html)
    sub.add_argument("to", nargs="?", help=target)
    forms = " ".join(f"{name}: {form.sentence}" for name, form in FORMATS.items())
    help = f"{forms} (default: {PLAIN})".replace("%", "%%")
    sub.add_argument("--format", choices=list(FORMATS), help=help)
    help = "in place of a target: the name of a new model on the Hugging Face Hub, by the token of HF_TOKEN"
    sub.add_argument("--push", metavar="OWNER/NAME", help=help)
    sub.add_argument("--private", action="store_true", help="nobody else sees what is pushed")
    sub.add_argument("--title", help="its new title (default: the checkpoint's)")
    takeaway.add_arguments(sub)

    which = "its id, as `experiments` lists it"
    add("export-experiment", exports.export_experiment, experiment=which, to=to)

    sub = add("export-data", exports.export_data)
    sub.add_argument("dataset", choices=["sample"], help="the built-in dataset")
    sub.add_argument("to", help="folder to create, with train.csv and test.csv")

    add("code", exports.code, run="id of a run")
    return parser
