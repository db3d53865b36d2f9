"""Commands that train: a run from its start or its snapshot, a rate search, word vectors."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from ftcore.cli.execution import end_on_signal, execute
from ftcore.cli.printer import Printer
from ftcore.config import NEW_MODEL, FineTuneConfig, given_settings
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Task, drain
from ftcore.formatting import count, duration


def train(options: argparse.Namespace, out: Printer) -> int:
    """Fine-tune a checkpoint."""
    return _train(FineTuneConfig.from_dict(given_settings(options)), out)


def pretrain(options: argparse.Namespace, out: Printer) -> int:
    """Train a new model from word vectors."""
    settings = {"dataset": "ag_news", **given_settings(options), "checkpoint": NEW_MODEL}
    return _train(FineTuneConfig.from_dict(settings), out)


def _train(config: FineTuneConfig, out: Printer) -> int:
    from ftcore import tracking
    from ftcore.runs.checks import check_config

    check_config(config)
    run_id = tracking.create_run(config)
    out.record({"event": "created", "run_id": run_id, "config": config.to_dict()}, f"Run {run_id}")
    return _report_end(run_id, execute(run_id, end_on_signal(), out), out)


def resume(options: argparse.Namespace, out: Printer) -> int:
    """Resume a run that was paused or interrupted."""
    from ftcore import tracking
    from ftcore.runs.checks import check_config

    run = tracking.run(options.run)
    if run.status == "finished":
        print("There was nothing to do: this run is finished.", file=sys.stderr)
        return _report_end(run.run_id, Finished("finished", run.message, run.metrics), out)
    if not run.resumable and run.status != "queued":
        raise UnfreezeError(
            f"This run is {run.status}; only a paused or interrupted run can be resumed."
        )
    check_config(run.config)
    out.record(
        {"event": "resumed", "run_id": run.run_id, "config": run.config.to_dict()},
        f"Run {run.run_id}",
    )
    return _report_end(run.run_id, execute(run.run_id, end_on_signal(), out), out)


def _report_end(run_id: str, last: Finished, out: Printer) -> int:
    """Print how a run ended and return the exit status."""
    from ftcore import tracking

    run, metrics = tracking.run(run_id), last.metrics
    record = {
        "run_id": run_id,
        "status": last.status,
        "message": last.message,
        "mode": run.config.mode,
        "dataset": run.config.dataset,
        "val_accuracy": metrics.get("val_accuracy"),
        "test_accuracy": metrics.get("test_accuracy"),
        "seconds": metrics.get("seconds"),
        "train_seconds": metrics.get("train_seconds"),
        "reviews_per_second": metrics.get("reviews_per_second"),
        "features_seconds": metrics.get("features_seconds"),
        "features_kept": metrics.get("features_kept"),
        "trainable_parameters": run.facts.get("trainable_parameters"),
        "parameters": run.facts.get("parameters"),
    }
    outcome = f"{last.status}: {last.message}"
    failed = last.status in ("failed", "interrupted")
    lines = [] if failed else [outcome]
    if failed:
        print(outcome, file=sys.stderr)
    if figures := _figures(metrics):
        lines.append(figures)
    if last.status == "interrupted":
        lines.append(f"Resume it: python -m ftcore resume {run_id}")
    if "best_step" in metrics:
        lines.append(f'Try it: python -m ftcore predict --run {run_id} "a text"')
    out.record(record, "\n".join(lines))
    return int(failed)


def _figures(metrics: dict[str, float]) -> str:
    """Accuracies, time and speed, as far as they are known."""
    figures = [
        f"{name} {metrics[key]:.2%}"
        for name, key in (("validation", "val_accuracy"), ("test", "test_accuracy"))
        if key in metrics
    ]
    if seconds := metrics.get("train_seconds"):
        figures.append(f"{duration(seconds)} of training")
    if speed := metrics.get("reviews_per_second"):
        figures.append(f"{count(speed)} reviews/s")
    return ", ".join(figures)


def find_rate(options: argparse.Namespace, out: Printer) -> None:
    """Find a learning rate: one short run in which it rises until the loss explodes."""
    from ftcore.training import lr_finder

    config = FineTuneConfig.from_dict(given_settings(options))
    search = drain(lr_finder.find_rate(config), out.event)
    line = lr_finder.NOTHING
    if search.suggestion:
        line = (
            f"Try --learning-rate {search.suggestion:g}, a quarter of the highest that still "
            "reduced the loss."
        )
    out.record(asdict(search), line)


def vectors(options: argparse.Namespace, out: Printer) -> None:
    """Train word vectors, or download the first words of GloVe."""
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
