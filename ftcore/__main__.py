"""The same core from the command line: `python -m ftcore --help`."""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftcore import config as settings_of_runs
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import (
    Evaluation,
    Event,
    Finished,
    Progress,
    Saved,
    Started,
    Step,
    Task,
    Watched,
    drain,
)  # fmt: skip


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


class Printer:
    """Prints what a command says: lines for a person, or JSON lines, each flushed at once."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._last = 0.0
        self._phase = ""

    def record(self, values: dict[str, Any], line: str) -> None:
        """One result."""
        print(json.dumps(values, ensure_ascii=False) if self.as_json else line, flush=True)

    def event(self, event: Event) -> None:
        """One event of a task; progress is thinned to a line a second."""
        if isinstance(event, Progress):
            now = time.monotonic()
            if event.phase == self._phase and now - self._last < 1 and event.done != event.total:
                return
            self._phase, self._last = event.phase, now
            of = "" if event.total is None else f" of {event.total:,.0f}"
            line = f"  {event.phase}: {event.done:,.0f}{of} {event.unit}"
        elif isinstance(event, Step | Evaluation):
            split = event.split if isinstance(event, Evaluation) else "train"
            line = (
                f"{split:>5}  step {event.step:>6,}  epoch {event.epoch:6.2f}  "
                f"{event.seconds:8.1f} s  loss {event.loss:.4f}  accuracy {event.accuracy:.2%}"
            )
        elif isinstance(event, Started):
            line = "\n".join([str(event.facts["trains"]), *event.notes])
        elif isinstance(event, Watched):
            shares = "; ".join(" ".join(f"{p:.0%}" for p in one) for one in event.probabilities)
            line = f"watch  step {event.step:>6,}  {shares}"
        elif isinstance(event, Saved):
            line = f"       step {event.step:>6,}  saved: the best so far"
        else:
            line = event.message
        self.record({"event": type(event).__name__.lower(), **_plain(asdict(event))}, line)


def datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets."""
    from ftcore import datasets

    for name in datasets.NAMES:
        title = datasets.TITLES[name]
        out.record({"name": name, "title": title}, f"{name:10} {title}")


def checkpoints(options: argparse.Namespace, out: Printer) -> None:
    """List the checkpoints."""
    from ftcore import checkpoints

    for one in checkpoints.list_checkpoints():
        accuracy = one.metrics.get("test_accuracy", one.metrics.get("val_accuracy"))
        shown = "" if accuracy is None else f"{accuracy:.1%}"
        out.record(
            {
                "ref": one.ref, "title": one.title, "kind": one.kind, "dataset": one.dataset,
                "labels": one.labels, "parameters": one.parameters, "bytes": one.bytes,
                "metrics": one.metrics,
            },
            f"{one.ref:34} {one.dataset:8} {shown:>6}  {one.title}",
        )  # fmt: skip


def runs(options: argparse.Namespace, out: Printer) -> None:
    """List the runs, newest first."""
    from ftcore import tracking

    for row in tracking.runs().to_dict("records"):
        row = {k: None if isinstance(v, float) and v != v else v for k, v in row.items()}
        row["started"] = row["started"].isoformat(timespec="seconds")
        accuracy = row["test_accuracy"]
        shown = "" if accuracy is None else f"{accuracy:.1%}"
        out.record(row, f"{row['run_id']}  {row['status']:11} {shown:>6}  {row['name']}")


def vectors(options: argparse.Namespace, out: Printer) -> None:
    """Train word vectors, or fetch the first words of GloVe."""
    from ftcore import text, vectors as word_vectors

    task: Task[Path]
    if options.sources:
        texts = word_vectors.corpus([Path(source) for source in options.sources])
        task = word_vectors.train_vectors(
            texts, Path(options.out), dim=options.dim, words=options.words,
            epochs=options.epochs, window=options.window, seed=options.seed,
        )  # fmt: skip
    else:
        task = text.fetch_glove(options.words, options.dim)
    path = drain(task, out.event)
    out.record({"vectors": str(path)}, f"Vectors: {path}")


def train(options: argparse.Namespace, out: Printer) -> int:
    """Fine-tune a checkpoint."""
    return _train(FineTuneConfig.from_dict(vars(options)), out)


def pretrain(options: argparse.Namespace, out: Printer) -> int:
    """Train a new model from word vectors."""
    values = {"dataset": "ag_news", **vars(options), "checkpoint": NEW_MODEL}
    return _train(FineTuneConfig.from_dict(values), out)


def import_lesson(options: argparse.Namespace, out: Printer) -> None:
    """Import the lesson's .pth file."""
    from ftcore import lesson_import

    task = lesson_import.import_lesson(
        Path(options.file), Path(options.vectors), heads=options.heads, name=options.name,
        ag_news_source=options.source,
    )  # fmt: skip
    made = drain(task, out.event)
    accuracy = made.metrics.get("test_accuracy")  # None for a model of other classes than AG News
    measured = "" if accuracy is None else f": {accuracy:.1%} on the AG News test set, just now"
    out.record(
        {"ref": made.ref, "parameters": made.parameters, **made.metrics},
        f"Imported as {made.ref}{measured}.",
    )


def export(options: argparse.Namespace, out: Printer) -> None:
    """Copy a checkpoint to a folder."""
    from ftcore import checkpoints

    target = Path(options.to)
    checkpoints.export(checkpoints.find(options.ref), target, options.title)
    out.record({"exported": str(target)}, f"Exported to {target}")


def predict(options: argparse.Namespace, out: Printer) -> None:
    """Classify texts."""
    from ftcore.predict import predict

    for text, answer in zip(
        options.texts, predict(options.run or options.checkpoint, options.texts), strict=True
    ):
        scores = ", ".join(f"{name} {share:.1%}" for name, share in answer.probabilities.items())
        out.record(
            {
                "text": text, "label": answer.label, "probabilities": answer.probabilities,
                "milliseconds": round(answer.milliseconds, 3),
                "unknown": answer.unknown,
            },
            f"{answer.label:12} {scores}  ({answer.milliseconds:.1f} ms)  {text[:80]}",
        )  # fmt: skip


def _train(config: FineTuneConfig, out: Printer) -> int:
    from ftcore import jobs, tracking

    jobs.check(config)
    run_id = tracking.create_run(config)
    out.record({"event": "created", "run_id": run_id, "config": config.to_dict()}, f"Run {run_id}")
    stop = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):  # end at the next step and keep the best
        signal.signal(ending, lambda *_: stop.set())
    last = Finished("failed", "The run ended without a result.")
    for event in jobs.execute(run_id, stop):
        if isinstance(event, Finished):
            last = event
        else:
            out.event(event)
    facts = tracking.run(run_id).facts
    figures = {
        "run_id": run_id, "status": last.status, "message": last.message, "mode": config.mode,
        "dataset": config.dataset,
        "val_accuracy": last.metrics.get("val_accuracy"),
        "test_accuracy": last.metrics.get("test_accuracy"),
        "seconds": last.metrics.get("seconds"),
        "train_seconds": last.metrics.get("train_seconds"),
        "reviews_per_second": last.metrics.get("reviews_per_second"),
        "features_seconds": last.metrics.get("features_seconds"),
        "features_kept": last.metrics.get("features_kept"),
        "trainable_parameters": facts.get("trainable_parameters"),
        "parameters": facts.get("parameters"),
    }  # fmt: skip
    if last.status == "failed":
        print(last.message, file=sys.stderr)
    trial = f'Try it: python -m ftcore predict --run {run_id} "a text"' * (
        "best_step" in last.metrics
    )
    out.record(figures, f"{last.status}: {last.message}\n{_summary(figures)}\n{trial}".rstrip())
    return 1 if last.status == "failed" else 0


def _summary(figures: dict[str, Any]) -> str:
    shown = [
        f"validation {figures['val_accuracy']:.2%}" if figures["val_accuracy"] is not None else "",
        f"test {figures['test_accuracy']:.2%}" if figures["test_accuracy"] is not None else "",
        f"{figures['train_seconds']:.1f} s of training" if figures["train_seconds"] else "",
        f"{figures['reviews_per_second']:,.0f} reviews/s" if figures["reviews_per_second"] else "",
    ]
    return ", ".join(part for part in shown if part)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ftcore", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function: Any, name: str = "") -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name or function.__name__, help=function.__doc__, description=function.__doc__
        )
        sub.add_argument("--json", action="store_true", help="JSON lines instead of text")
        sub.set_defaults(command=function)
        return sub

    command(datasets)
    command(checkpoints)
    command(runs)
    settings_of_runs.add_arguments(command(train))
    settings_of_runs.add_arguments(command(pretrain))

    sub = command(vectors)
    sub.add_argument("sources", nargs="*", help="IMDB archives and AG News folders; none: GloVe")
    sub.add_argument("--out", default="vectors.txt", help="file to write")
    sub.add_argument("--words", type=int, default=30_000, help="most frequent words kept")
    sub.add_argument("--dim", type=int, default=100, help="numbers a word")
    sub.add_argument("--epochs", type=int, default=6, help="passes over the texts")
    sub.add_argument("--window", type=int, default=8, help="words of context on each side")
    sub.add_argument("--seed", type=int, default=0)

    sub = command(import_lesson, "import")
    sub.add_argument("file", help="the lesson's model file")
    sub.add_argument("--vectors", required=True, help="the GloVe file that the model was made with")
    sub.add_argument("--heads", type=int, default=2, help="attention heads; the file does not say")
    sub.add_argument("--name", default="lesson", help="name of the new checkpoint")
    sub.add_argument("--source", default="", help="AG News folder; empty downloads it")

    sub = command(export)
    sub.add_argument("ref", help="a checkpoint's name or a run id")
    sub.add_argument("to", help="folder to create")
    sub.add_argument("--title", default="")

    sub = command(predict)
    which = sub.add_mutually_exclusive_group()
    which.add_argument("--run", default="", help="id of a run")
    which.add_argument("--checkpoint", default="sentiment", help="name of a checkpoint")
    sub.add_argument("texts", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
