"""What the commands do; each imports what it needs when it is called."""

import argparse
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.cli.printer import Printer
from ftcore.config import NEW_MODEL, FineTuneConfig, given_settings
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Task, drain

if TYPE_CHECKING:
    from ftcore.runs.execution import EndRequest


def datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets."""
    from ftcore.data import datasets

    for name in datasets.NAMES:
        title = datasets.title(name)
        out.record({"name": name, "title": title}, f"{name:10} {title}")


def checkpoints(options: argparse.Namespace, out: Printer) -> None:
    """List the checkpoints."""
    from ftcore.models import checkpoints

    for one in checkpoints.list_checkpoints():
        accuracy = one.metrics.get("test_accuracy", one.metrics.get("val_accuracy"))
        shown = "" if accuracy is None else f"{accuracy:.1%}"
        out.record(
            {
                "ref": one.ref,
                "title": one.title,
                "kind": one.kind,
                "dataset": one.dataset,
                "labels": one.labels,
                "parameters": one.parameters,
                "bytes": one.bytes,
                "metrics": one.metrics,
            },
            f"{one.ref:34} {one.dataset:8} {shown:>6}  {one.title}",
        )


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
    from ftcore.text import vector_training, word_vectors

    task: Task[Path]
    if options.sources:
        texts = vector_training.corpus([Path(source) for source in options.sources])
        task = vector_training.train_vectors(
            texts,
            Path(options.out),
            dim=options.dim,
            words=options.words,
            epochs=options.epochs,
            window=options.window,
            seed=options.seed,
        )
    else:
        task = word_vectors.fetch_glove(options.words, options.dim)
    path = drain(task, out.event)
    out.record({"vectors": str(path)}, f"Vectors: {path}")


def train(options: argparse.Namespace, out: Printer) -> int:
    """Fine-tune a checkpoint."""
    return _train(FineTuneConfig.from_dict(given_settings(options)), out)


def pretrain(options: argparse.Namespace, out: Printer) -> int:
    """Train a new model from word vectors."""
    values = {"dataset": "ag_news", **given_settings(options), "checkpoint": NEW_MODEL}
    return _train(FineTuneConfig.from_dict(values), out)


def import_lesson(options: argparse.Namespace, out: Printer) -> None:
    """Import the lesson's .pth file."""
    from ftcore.exchange import lesson_import

    task = lesson_import.import_lesson(
        Path(options.file),
        Path(options.vectors),
        heads=options.heads,
        name=options.name,
        ag_news_source=options.source,
    )
    made = drain(task, out.event)
    accuracy = made.metrics.get("test_accuracy")  # None for a model of other classes than AG News
    measured = "" if accuracy is None else f": {accuracy:.1%} on the AG News test set, just now"
    out.record(
        {"ref": made.ref, "parameters": made.parameters, **made.metrics},
        f"Imported as {made.ref}{measured}.",
    )


def export(options: argparse.Namespace, out: Printer) -> None:
    """Copy a checkpoint to a folder."""
    from ftcore.models import checkpoints

    target = Path(options.to)
    checkpoints.export(checkpoints.find(options.ref), target, options.title)
    out.record({"exported": str(target)}, f"Exported to {target}")


def export_data(options: argparse.Namespace, out: Printer) -> None:
    """Write the built-in sample to a folder, as the code of a run reads it."""
    from ftcore.exchange import script

    script.export_sample(Path(options.to))
    out.record({"exported": options.to}, f"Exported to {options.to}")


def code(options: argparse.Namespace, out: Printer) -> None:
    """Print the plain PyTorch code of a run."""
    from ftcore.exchange import script

    found = script.script(options.run)
    out.record({"code": found}, found.rstrip("\n"))


def predict(options: argparse.Namespace, out: Printer) -> None:
    """Classify texts."""
    from ftcore.inference.prediction import predict

    for text, answer in zip(
        options.texts, predict(options.run or options.checkpoint, options.texts), strict=True
    ):
        scores = ", ".join(f"{name} {share:.1%}" for name, share in answer.probabilities.items())
        out.record(
            {
                "text": text,
                "label": answer.label,
                "probabilities": answer.probabilities,
                "milliseconds": round(answer.milliseconds, 3),
                "unknown": answer.unknown,
            },
            f"{answer.label:12} {scores}  ({answer.milliseconds:.1f} ms)  {text[:80]}",
        )


def find_rate(options: argparse.Namespace, out: Printer) -> None:
    """Find a learning rate: one short run in which it rises until the loss explodes."""
    from ftcore.training import lr_finder

    config = FineTuneConfig.from_dict(given_settings(options))
    found = drain(lr_finder.find_rate(config), out.event)
    if found.suggestion:
        line = (
            f"Try --learning-rate {found.suggestion:g}, a quarter of the highest that still helped."
        )
    else:
        line = lr_finder.NOTHING
    out.record(asdict(found), line)


def resume(options: argparse.Namespace, out: Printer) -> int:
    """Go on with a run that was paused or interrupted."""
    from ftcore import tracking
    from ftcore.runs.checks import check_config

    one = tracking.run(options.run)
    if one.status == "finished":
        print("There was nothing to do: this run is finished.", file=sys.stderr)
        return _closing(one.run_id, Finished("finished", one.message, one.metrics), out)
    if not one.resumable and one.status != "queued":
        raise UnfreezeError(
            f"This run is {one.status}; only one that was paused or interrupted can be resumed."
        )
    check_config(one.config)
    out.record(
        {"event": "resumed", "run_id": one.run_id, "config": one.config.to_dict()},
        f"Run {one.run_id}",
    )
    return _closing(one.run_id, execute(one.run_id, asked_by_signal(), out), out)


def _train(config: FineTuneConfig, out: Printer) -> int:
    from ftcore import tracking
    from ftcore.runs.checks import check_config

    check_config(config)
    run_id = tracking.create_run(config)
    out.record({"event": "created", "run_id": run_id, "config": config.to_dict()}, f"Run {run_id}")
    return _closing(run_id, execute(run_id, asked_by_signal(), out), out)


def _closing(run_id: str, last: Finished, out: Printer) -> int:
    """Say how a run ended, in its last line; returns the exit status."""
    from ftcore import tracking

    one = tracking.run(run_id)
    figures = {
        "run_id": run_id,
        "status": last.status,
        "message": last.message,
        "mode": one.config.mode,
        "dataset": one.config.dataset,
        "val_accuracy": last.metrics.get("val_accuracy"),
        "test_accuracy": last.metrics.get("test_accuracy"),
        "seconds": last.metrics.get("seconds"),
        "train_seconds": last.metrics.get("train_seconds"),
        "reviews_per_second": last.metrics.get("reviews_per_second"),
        "features_seconds": last.metrics.get("features_seconds"),
        "features_kept": last.metrics.get("features_kept"),
        "trainable_parameters": one.facts.get("trainable_parameters"),
        "parameters": one.facts.get("parameters"),
    }
    failed = last.status in ("failed", "interrupted")
    told = f"{last.status}: {last.message}"
    if failed:
        print(told, file=sys.stderr)
    again = f"Go on: python -m ftcore resume {run_id}" if last.status == "interrupted" else ""
    trial = f'Try it: python -m ftcore predict --run {run_id} "a text"' * (
        "best_step" in last.metrics
    )
    lines = ["" if failed else told, _summary(figures), again, trial]
    out.record(figures, "\n".join(filter(None, lines)))
    return int(failed)


def asked_by_signal() -> "EndRequest":
    """Asks for a run's end on Ctrl-C and SIGTERM: at its next step, and so that it can be resumed.

    A second Ctrl-C does not wait for that.
    """
    from ftcore.runs.execution import EndRequest

    request = EndRequest()

    def ask(*_: object) -> None:
        request.action = "interrupt"
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, ask)
    return request


def execute(run_id: str, request: "EndRequest", out: Printer) -> Finished:
    """Run a run here, print its events, and return the last one."""
    from ftcore.runs import execution

    last = Finished("failed", "The run ended without a result.")
    for event in execution.execute(run_id, request):
        if isinstance(event, Finished):
            last = event
        else:
            out.event(event)
    return last


def _summary(figures: dict[str, Any]) -> str:
    shown = [
        f"validation {figures['val_accuracy']:.2%}" if figures["val_accuracy"] is not None else "",
        f"test {figures['test_accuracy']:.2%}" if figures["test_accuracy"] is not None else "",
        f"{figures['train_seconds']:.1f} s of training" if figures["train_seconds"] else "",
        f"{figures['reviews_per_second']:,.0f} reviews/s" if figures["reviews_per_second"] else "",
    ]
    return ", ".join(part for part in shown if part)
