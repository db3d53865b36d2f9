"""Commands that list what there is: datasets, checkpoints, runs and experiments."""

import argparse

from ftcore.cli.printer import Printer
from ftcore.formatting import percent


def datasets(options: argparse.Namespace, out: Printer) -> None:
    """List the datasets."""
    from ftcore.data import datasets

    for name in datasets.NAMES:
        title = datasets.title(name)
        out.record({"name": name, "title": title}, f"{name:10} {title}")


def checkpoints(options: argparse.Namespace, out: Printer) -> None:
    """List the checkpoints."""
    from ftcore.models import checkpoints

    for checkpoint in checkpoints.list_checkpoints():
        metrics = checkpoint.metrics
        accuracy = _accuracy(metrics.get("test_accuracy", metrics.get("val_accuracy")))
        out.record(
            {
                "ref": checkpoint.ref,
                "title": checkpoint.title,
                "kind": checkpoint.kind,
                "dataset": checkpoint.dataset,
                "labels": checkpoint.labels,
                "parameters": checkpoint.model.parameters,
                "bytes": checkpoint.bytes,
                "metrics": metrics,
            },
            f"{checkpoint.ref:34} {checkpoint.dataset:8} {accuracy}  {checkpoint.title}",
        )


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
        out.record(
            row, f"{row['experiment']:12}  {row['status']:11} {row['runs']:3} runs  {row['name']}"
        )


def _accuracy(share: float | None) -> str:
    return f"{'' if share is None else percent(share):>6}"
