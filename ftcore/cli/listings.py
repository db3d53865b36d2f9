"""Commands that list datasets, checkpoints, runs and experiments, and classify texts."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from ftcore.cli.printer import MOST_CLASSES, Printer
from ftcore.formatting import percent

CHECKPOINT_FIELDS = ("ref", "title", "kind", "dataset", "labels", "bytes", "tokenizer")


def datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets."""
    from ftcore.data import datasets

    for name in datasets.names():
        title = datasets.title(name)
        out.record({"name": name, "title": title}, f"{name:10} {title}")


def checkpoints(options: argparse.Namespace, out: Printer) -> None:
    """List the checkpoints."""
    from ftcore.models import checkpoints

    for checkpoint in checkpoints.list_checkpoints():
        metrics = checkpoint.metrics
        accuracy = _accuracy(metrics.get("test_accuracy", metrics.get("val_accuracy")))
        values = {name: getattr(checkpoint, name) for name in CHECKPOINT_FIELDS}
        values |= {"parameters": checkpoint.model.parameters, "metrics": metrics}
        line = f"{checkpoint.ref:34} {checkpoint.dataset:8} {accuracy}  {checkpoint.title}"
        out.record(values, line)


def runs(options: argparse.Namespace, out: Printer) -> None:
    """List the runs, newest first."""
    from ftcore import tracking

    for row in tracking.runs().drop(columns="config").to_dict("records"):
        row = {name: None if value != value else value for name, value in row.items()}  # NaN
        row["started"] = row["started"].isoformat(timespec="seconds")
        accuracy = _accuracy(row["test_accuracy"])
        out.record(row, f"{row['run_id']}  {row['status']:11} {accuracy}  {row['name']}")


def experiments(options: argparse.Namespace, out: Printer) -> None:
    """List the experiments, newest first."""
    from ftcore.experiments import catalog

    for row in catalog.experiments().to_dict("records"):
        row["started"] = row["started"].isoformat(timespec="seconds")
        finished = f"{row['finished']:2} of {row['runs']:2} finished"
        line = f"{row['experiment']:12}  {row['status']:11}  {finished}  {row['name']}"
        out.record(row, line)


def _scores(probabilities: Mapping[str, float]) -> str:
    """The probabilities in the order of the classes; of many classes the largest ones."""
    labels = list(probabilities)
    if len(labels) > MOST_CLASSES:
        labels.sort(key=probabilities.__getitem__, reverse=True)
    shown = [f"{label} {percent(probabilities[label])}" for label in labels[:MOST_CLASSES]]
    more = [f"{len(labels) - MOST_CLASSES} more"] if len(labels) > MOST_CLASSES else []
    return ", ".join(shown + more)


def _promise(labels: Sequence[str], target: float) -> str:
    """A set of labels in words: World or Business at 95.0%: not sure."""
    names = " or ".join(filter(None, [", ".join(labels[:-1]), *labels[-1:]])) or "no label"
    return f"{names} at {percent(target)}{'' if len(labels) == 1 else ': not sure'}"


def predict(options: argparse.Namespace, out: Printer) -> None:
    """Classify texts."""
    from ftcore.inference import prediction

    ref = options.run or options.checkpoint
    for answer in prediction.predict(ref, options.texts, options.raw):
        probabilities = answer.probabilities
        scores = _scores(probabilities)
        values: dict[str, Any] = {
            "text": answer.text,
            "label": answer.label,
            "probabilities": probabilities,
        }
        notes = [prediction.SAYS_NOTHING] if answer.says_nothing else []
        values |= {"milliseconds": round(answer.milliseconds, 3), "unknown": answer.unknown}
        values |= {"known_tokens": answer.known.count(True), "notes": notes}
        promise = ""
        if kept := answer.calibration:
            values |= {"temperature": kept.temperature, "target": kept.target}
            values |= {"set": answer.label_set, "not_sure": answer.not_sure}
            promise = f"  {_promise(answer.label_set, kept.target)}"
        time = f"({answer.milliseconds:.1f} ms)"
        line = f"{answer.label:12} {scores}{promise}  {time}  {answer.text[:80]}"
        out.record(values, "\n".join([line, *notes]))


def _accuracy(share: float | None) -> str:
    return f"{'' if share is None else percent(share):>6}"
