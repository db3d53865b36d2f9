"""Results of runs that never ran, for tests of what is said and drawn of them."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Evaluation, Finished, Progress, Started, Step, Watched
from ftcore.experiments.result import Result
from ftcore.models import checkpoints

TEXTS = 1_000
_GROUPS = {"full": 133_458, "last-layer": 202, "gradual": 133_458, "scratch": 133_458}


def diagnostics(right: np.ndarray) -> Diagnostics:
    """Of a model that has those test texts right, bool [texts], in two classes by turns."""
    truth = np.arange(len(right)) % 2
    said = np.where(right, truth, 1 - truth)
    nothing = np.zeros((0, 2), np.float32)
    return Diagnostics(
        ("negative", "positive"),
        truth,
        np.eye(2, dtype=np.float32)[said],
        np.zeros(0, np.int64),
        nothing,
        nothing,
        {"head": 0.5},
        None,
    )


def result(
    mode: str = "full",
    right: int | np.ndarray = 900,
    seed: int = 0,
    seconds: float = 20.0,
    curve: tuple[float, ...] = (0.5, 0.82, 0.86, 0.9),
    status: str = "finished",
    kept: bool = True,
    metrics: dict[str, float] | None = None,
    split: str | None = None,
    **settings: Any,
) -> Result:
    """A run with `right` of the test texts right; a number takes the first ones. `kept`: its answers.

    `curve` is its validation accuracy, evenly over its training seconds.
    """
    if isinstance(right, int):
        right = np.arange(TEXTS) < right
    config = FineTuneConfig(mode=mode, seed=seed, **settings)
    found = {"train_seconds": seconds, "seconds": seconds + 5, **(metrics or {})}
    if status == "finished":
        found |= {"test_accuracy": float(right.mean()), "val_accuracy": max(curve)}
    run = tracking.Run(
        run_id=f"{mode}-{seed}",
        name=f"{mode} {seed}",
        status=status,
        message="",
        config=config,
        facts={
            "dataset_fingerprint": "made",
            "labels": ["negative", "positive"],
            "test_texts": len(right),
            "parameters": 3_081_658,
            "steps": 100,
            "trainable_parameters": _GROUPS.get(mode, 0),
            "split_fingerprint": split or f"split-{seed}-{config.limit}",
        },
        notes=[],
        phase="done",
        phase_done=0.0,
        phase_total=None,
        phase_unit="",
        phase_seconds=0.0,
        metrics=found,
        created=datetime(2026, 11, 21, tzinfo=UTC),
        host="here",
        pid=1,
        experiment="one",
        experiment_name="",
    )
    return Result(
        run, history(curve, seconds), watched(seconds), diagnostics(right) if kept else None
    )


def history(curve: tuple[float, ...], seconds: float) -> pd.DataFrame:
    """Validation accuracy evenly over the training, and its training points."""
    count = len(curve) - 1
    rows = [
        {
            "split": split,
            "step": 100 * number // max(1, count),
            "epoch": 4 * number / max(1, count),
            "seconds": seconds * number / max(1, count),
            "examples": 3_200 * number,
            "loss": 1 - accuracy,
            "accuracy": accuracy,
        }
        for split in ("train", "val")
        for number, accuracy in enumerate(curve)
    ]
    return pd.DataFrame([*rows, rows[-1] | {"split": "test"}])


def watched(seconds: float) -> pd.DataFrame:
    """One sentence that turns from negative to positive."""
    return pd.DataFrame(
        [
            {
                "sentence": 0,
                "label": label,
                "step": 100 * number,
                "epoch": 4.0 * number,
                "seconds": seconds * number,
                "examples": 3_200 * number,
                "probability": share,
            }
            for number, share in enumerate((0.2, 0.9))
            for label, share in ((0, 1 - share), (1, share))
        ]
    )


def record(made: Result, experiment: str = "", name: str = "") -> str:
    """Put a result into the record of runs, as if it had run here; one that is running has half its curve."""
    run_id = tracking.create_run(made.run.config, experiment, name)
    if made.run.status == "queued":
        return run_id
    rows = made.history if made.run.status != "running" else made.history.query("step <= 50")
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started(made.run.facts))
        for row in rows.itertuples():
            at = (int(row.step), row.epoch, row.seconds, int(row.examples), row.loss, row.accuracy)
            recorder.write(Step(*at, 0.001) if row.split == "train" else Evaluation(row.split, *at))
        if made.run.config.watched:  # the one sentence of `watched`
            for step, rows in made.watched.groupby("step"):
                first, shares = rows.iloc[0], tuple(rows["probability"])
                recorder.write(Watched(step, first.epoch, first.seconds, first.examples, (shares,)))
        recorder.write(Progress("training", 50, 100, "steps"))
        if made.run.status != "running":
            recorder.write(Finished(made.run.status, "Over.", made.run.metrics))  # type: ignore[arg-type]
    if made.diagnostics is not None and made.run.status == "finished":
        made.diagnostics.write(checkpoints.run_path(run_id).parent)
    return run_id
