"""A run: one generator of events, from a config to a tested checkpoint."""

import copy
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore.baselines import tfidf
from ftcore.config import FineTuneConfig
from ftcore.diagnostics import collect
from ftcore.events import Evaluation, Finished, Pause, Progress, Started, Status, Stop, Task
from ftcore.models import checkpoints
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.training import encoding, learners, loop, preparation, snapshots
from ftcore.training.preparation import Run
from ftcore.training.snapshots import Snapshot


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
        if run.unlabelled:
            snapshot = yield from self_train(run, snapshot)
        yield from loop.fit(run, snapshot)
        tested, scores = yield from test(run)
        message = f"{tested.accuracy:.1%} of {len(run.test):,} test texts are right."
        message += yield from collect.gather(run, scores)
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


def self_train(run: Run, snapshot: Snapshot | None = None) -> Task[Snapshot | None]:
    """Let a first model and TF-IDF label the unlabelled texts, and add these to what `run` learns.

    Two teachers that err differently label better than either, and soft labels say how sure they are
    (Blum & Mitchell 1998, Hinton et al. 2015). Their time counts as training. Returns the snapshot that
    is left for the run's own loop.
    """
    vocab = vocabulary.vocab_from_tokens(run.vocabulary)
    ids, offsets = yield from encoding.encode_unlabelled(run.unlabelled, vocab)
    extra = Tokens.pack(ids, offsets, [0] * len(run.unlabelled)).to(run.device)
    if snapshot and snapshot.phase == "training":
        run.targets = snapshot.tensors["targets"].to(run.device)
    else:
        soft = yield from _teach(run, extra, snapshot)
        hard = F.one_hot(run.train.labels, soft.shape[1]).float()
        run.targets = torch.cat([hard, soft.to(run.device)])
        snapshot = None
    labelled = len(run.train)
    run.train_rows = torch.cat([run.train_rows, labelled + torch.arange(len(extra))])
    run.train = run.train.joined(replace(extra, labels=run.targets[labelled:].argmax(1)))
    run.unlabelled = []
    return snapshot


def _teach(run: Run, extra: Tokens, snapshot: Snapshot | None) -> Task[Tensor]:
    """What the teachers say of the `extra` texts, fp32 [texts, classes] on the CPU."""
    teacher = replace(run, model=copy.deepcopy(run.model), unlabelled=[])
    yield from loop.fit(teacher, snapshot, "teaching")
    clock = time.perf_counter()
    learner = learners.whole_model(
        teacher.model, extra, run.config.window, run.device, run.number_format
    )
    scores = yield from learner.predict(torch.arange(len(extra)), "teaching")
    yield Progress("teaching", 0, None)
    label = tfidf.tfidf(run.dataset, run.train_rows.tolist())
    soft = (scores.softmax(1) + torch.from_numpy(label(run.unlabelled)).float()) / 2
    run.train_seconds += teacher.train_seconds + time.perf_counter() - clock
    return soft


def test(run: Run) -> Task[tuple[Evaluation, Tensor]]:
    """Figures and scores [texts, classes] of the best weights on the test set.

    They are read back from disk, as everybody else will.
    """
    best = checkpoints.load_model(checkpoints.find(run.ref)).to(run.device)
    rows = torch.arange(len(run.test))
    learner = yield from learners.for_mode(run, best, run.test, rows)
    scores = yield from learner.predict(rows, "testing")
    evaluation = loop.evaluation_of(run, "test", scores, run.test.labels)
    yield evaluation
    return evaluation, scores
