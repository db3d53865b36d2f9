"""Commands that list datasets, checkpoints, runs and experiments, and classify texts."""

import argparse

from ftcore.cli.printer import Printer, program
from ftcore.formatting import percent

CHECKPOINT_FIELDS = ("ref", "title", "kind", "dataset", "labels", "bytes", "tokenizer")


def datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets."""
    from ftcore.data import datasets

    for name, title in datasets.titles().items():
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

    listed = tracking.runs()
    if listed.empty:
        out.nothing(f"There are no runs yet; {program()} train starts one.")
    for row in listed.drop(columns="config").to_dict("records"):
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


def _accuracy(share: float | None) -> str:
    return f"{'' if share is None else percent(share):>6}"
