"""A run: one generator of events, from a config to a tested checkpoint."""

import time
from pathlib import Path

import torch
from torch import Tensor

from ftcore.config import FineTuneConfig
from ftcore.diagnostics import collect
from ftcore.events import Evaluation, Finished, Pause, Started, Status, Stop, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.training import learners, loop, preparation, snapshots
from ftcore.training.preparation import Run


def train(config: FineTuneConfig, output: Path, ref: str, resume: bool = False) -> Task[None]:
    """Fine-tune as `config` says; the best checkpoint, known as `ref`, is left in the folder `output`.

    The last event is `Finished`. Throw `Stop` or `Pause` into the task to end it early; to `resume` goes
    on where the run was. Raises UnfreezeError where settings, data or checkpoint cannot be used, or the
    loss stops being a number.
    """
    began = time.perf_counter()
    snapshot = snapshots.load(output) if resume else None
    run = yield from preparation.prepare(config, output, ref)
    run.began = began
    if snapshot:
        snapshots.resume_run(run, snapshot)
    yield Started(preparation.facts(run), tuple(run.notes))
    status: Status = "finished"
    try:
        yield from loop.fit(run, snapshot)
        tested, scores = yield from test(run)
        message = f"{tested.accuracy:.1%} of {len(run.test):,} test texts are right."
        message += yield from collect.collect(run, scores)
    except Stop:
        status = "stopped"
        message = "Stopped before the first evaluation; there is nothing to keep."
        if run.best:
            message = (
                f"Stopped at step {run.step:,}; the best model, of step {run.best.step:,}, is kept."
            )
    except Pause:
        status = "paused"
        message = f"Paused at step {run.step:,}; resume it, and it goes on from there."
    metrics = {
        "seconds": time.perf_counter() - run.began,
        "train_seconds": run.train_seconds,
        "reviews_per_second": run.examples / run.train_seconds if run.train_seconds else 0.0,
    } | run.metrics
    if run.best:
        metrics |= {"val_accuracy": run.best.accuracy, "best_step": float(run.best.step)}
        if status == "finished":
            metrics["test_accuracy"] = tested.accuracy
        checkpoints.update(output, metrics=metrics)
    yield Finished(status, message, metrics)


def test(run: Run) -> Task[tuple[Evaluation, Tensor]]:
    """Figures and scores [texts, classes] of the best weights on the test set.

    They are read back from disk, as everybody else will.
    """
    best = checkpoint_files.load_model(checkpoints.find(run.ref)).to(run.device)
    rows = torch.arange(len(run.test))
    learner = yield from learners.for_mode(run, best, run.test, rows)
    scores = yield from learner.predict(rows, "testing")
    evaluation = loop.evaluation_of(run, "test", scores, run.test.labels)
    yield evaluation
    return evaluation, scores
