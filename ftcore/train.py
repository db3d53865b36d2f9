"""Training: one generator of events, from a config to a tested checkpoint."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ftcore import (
    baselines,
    batches,
    checkpoints,
    encoding,
    inside,
    learners,
    preparation,
    strategies,
    text,
)  # fmt: skip
from ftcore.batches import Tokens
from ftcore.config import FineTuneConfig, mode_defaults
from ftcore.errors import UnfreezeError
from ftcore.events import (
    Evaluation,
    Finished,
    Progress,
    Saved,
    Started,
    Status,
    Step,
    Task,
    Watched,
)  # fmt: skip
from ftcore.learners import Learner
from ftcore.preparation import Run

POINTS = 200  # points that the training curve of a run has at most


class Stop(Exception):
    """Thrown into the task of a run to end it at its next event and keep the best so far."""


def train(config: FineTuneConfig, output: Path, ref: str) -> Task[None]:
    """Fine-tune as `config` says; the best checkpoint, known as `ref`, is left in the folder `output`.

    The last event is `Finished`. Throw `Stop` into the task to end it early. Raises UnfreezeError where
    settings, data or checkpoint cannot be used, or the loss stops being a number.
    """
    began = time.perf_counter()
    run = yield from preparation.prepare(config, output, ref)
    yield Started(preparation.facts(run), tuple(run.notes))
    status: Status = "finished"
    try:
        if run.unlabelled:
            yield from self_train(run)
        yield from fit(run)
        tested, scores = yield from test(run)
        message = f"{tested.accuracy:.1%} of {len(run.test):,} test texts are right."
        message += yield from inside.gather(run, scores)
    except Stop:
        status = "stopped"
        message = "Stopped before the first evaluation; there is nothing to keep."
        if run.best:
            message = (
                f"Stopped at step {run.step:,}; the best model, of step {run.best.step:,}, is kept."
            )
    metrics = {
        "seconds": time.perf_counter() - began,
        "train_seconds": run.train_seconds,
        "reviews_per_second": run.examples / run.train_seconds if run.train_seconds else 0.0,
    } | run.metrics
    if run.best:
        metrics |= {"val_accuracy": run.best.accuracy, "best_step": float(run.best.step)}
        if status == "finished":
            metrics["test_accuracy"] = tested.accuracy
        checkpoints.update(output, metrics=metrics)
    yield Finished(status, message, metrics)


def self_train(run: Run) -> Task[None]:
    """Let a first model and TF-IDF label the unlabelled texts, and add these to what `run` learns.

    Two teachers that err differently label better than either, and soft labels say how sure they are
    (Blum & Mitchell 1998, Hinton et al. 2015). Their time counts as training.
    """
    clock = time.perf_counter()
    teacher = replace(run, model=copy.deepcopy(run.model), unlabelled=[])
    for event in fit(teacher, validate=False):
        if isinstance(event, Progress):
            yield replace(event, phase="teaching")
    vocab = text.vocab_from_tokens(run.vocabulary)
    ids, offsets = yield from encoding.encode_unlabelled(run.unlabelled, vocab)
    extra = Tokens.pack(ids, offsets, [0] * len(run.unlabelled)).to(run.device)
    learner = learners.whole_model(
        teacher.model, extra, run.config.window, run.device, run.number_format
    )
    rows = torch.arange(len(extra))
    scores = yield from learner.predict(rows, "teaching")
    yield Progress("teaching", 0, None)
    tfidf = baselines.tfidf(run.dataset, run.train_rows.tolist())
    soft = (scores.softmax(1) + torch.from_numpy(tfidf(run.unlabelled)).float()) / 2
    hard = F.one_hot(run.train.labels, soft.shape[1]).float()
    run.targets = torch.cat([hard, soft.to(run.device)])
    run.train_rows = torch.cat([run.train_rows, len(run.train) + rows])
    run.train = run.train.joined(replace(extra, labels=soft.argmax(1).to(run.device)))
    run.unlabelled = []
    run.train_seconds += time.perf_counter() - clock


def fit(run: Run, validate: bool = True) -> Task[None]:
    """The training loop; without validation nothing is saved."""
    config = run.config
    torch.manual_seed(config.seed)
    shuffle = torch.Generator().manual_seed(config.seed)
    strategies.freeze(run.model, config)
    clock = time.perf_counter()
    learner = yield from learners.for_mode(
        run, run.model, run.train, torch.cat([run.train_rows, run.val_rows])
    )
    run.train_seconds += time.perf_counter() - clock  # making text vectors is part of training
    run.metrics = learner.metrics
    optimizer = make_optimizer(run)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    total = config.epochs * run.steps_per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(config, total))
    report_every, evaluate_at = math.ceil(total / POINTS), _evaluation_steps(run)
    sums = torch.zeros(3, device=run.device)  # loss, right answers and texts since the last report

    targets = learner.labels if run.targets is None else run.targets

    if validate:
        yield from _validate(run, learner)
    for epoch in range(config.epochs):
        strategies.freeze(run.model, config, epoch)
        order = batches.shuffled_batches(
            learner.lengths, run.train_rows, config.batch_size, shuffle
        )
        for batch, rows in zip(order, batches.placed(order, run.device), strict=True):
            clock = time.perf_counter()
            learner.net.train()
            logits = learner.logits(rows, learner.longest(batch))
            loss = F.cross_entropy(logits, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            if config.clip:
                nn.utils.clip_grad_norm_(weights, config.clip)
            optimizer.step()
            schedule.step()
            run.step += 1
            run.examples += len(rows)
            # Summed on the device: reading a value at every step would make it wait.
            right = (logits.argmax(1) == learner.labels[rows]).sum()
            sums += torch.stack(
                [loss.detach() * len(rows), right, torch.full_like(right, len(rows))]
            )
            report = run.step % report_every == 0 or run.step == total
            loss_sum, correct, seen = sums.tolist() if report else (0.0, 0.0, 1.0)
            run.train_seconds += time.perf_counter() - clock
            yield Progress("training", run.step, total, "steps")
            if report:
                _check_finite(loss_sum, run)
                sums.zero_()
                yield Step(
                    run.step, run.step / run.steps_per_epoch, run.train_seconds, run.examples,
                    loss_sum / seen, correct / seen, float(schedule.get_last_lr()[0]),
                )  # fmt: skip
            if validate and run.step in evaluate_at:
                yield from _validate(run, learner)


def test(run: Run) -> Task[tuple[Evaluation, Tensor]]:
    """Figures and scores [texts, classes] of the best weights on the test set.

    They are read back from disk, as everybody else will.
    """
    best = checkpoints.load_model(checkpoints.find(run.ref)).to(run.device)
    rows = torch.arange(len(run.test))
    learner = yield from learners.for_mode(run, best, run.test, rows)
    scores = yield from learner.predict(rows, "testing")
    evaluation = _evaluation(run, "test", scores, run.test.labels)
    yield evaluation
    return evaluation, scores


def _validate(run: Run, learner: Learner) -> Task[None]:
    """Evaluate on the validation part; save where it is the best so far."""
    scores = yield from learner.predict(run.val_rows, "evaluating")
    now = _evaluation(run, "val", scores, run.train.labels[run.val_rows])
    yield now
    if run.watched is not None:
        yield _watch(run, run.watched)
    _check_finite(now.loss, run)
    best = run.best
    if best is None or (now.accuracy, -now.loss) > (best.accuracy, -best.loss):
        run.best = now
        preparation.save(run, now)
        yield Saved(run.output, now.step, now.accuracy)


def _watch(run: Run, sentences: Tokens) -> Watched:
    """What the model says of the watched sentences now."""
    run.model.eval()
    with torch.inference_mode():
        rows = torch.arange(len(sentences), device=run.device)
        shares = run.model(*sentences.batch(rows, run.config.window)).softmax(1).tolist()
    return Watched(
        run.step, run.step / run.steps_per_epoch, run.train_seconds, run.examples,
        tuple(map(tuple, shares)),
    )  # fmt: skip


def _evaluation(
    run: Run, split: Literal["val", "test"], scores: Tensor, labels: Tensor
) -> Evaluation:
    labels = labels.cpu()
    return Evaluation(
        split, run.step, run.step / run.steps_per_epoch, run.train_seconds, run.examples,
        F.cross_entropy(scores, labels).item(), (scores.argmax(1) == labels).float().mean().item(),
    )  # fmt: skip


def make_optimizer(run: Run) -> torch.optim.Optimizer:
    """Over all that ever trains, each layer group with its own rate."""
    config = run.config
    rates = strategies.learning_rates(config, run.model.shape)
    groups = [
        {"params": group.parameters(), "lr": rates[group.name]}
        for group in run.model.layer_groups()
        if group.name in rates
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)


def _rate(config: FineTuneConfig, total: int) -> Callable[[int], float]:
    """Share of the learning rate at a step; one cycle is a warm-up and a cosine to zero (Smith 2018)."""
    warm = max(1, total // 5)

    def one_cycle(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    return one_cycle if config.schedule == "one-cycle" else lambda step: 1.0


def _evaluation_steps(run: Run) -> set[int]:
    """Steps after which to validate: `evaluations` times an epoch, evenly, always at its end."""
    count = run.config.epochs * run.config.evaluations
    return {round(n * run.steps_per_epoch / run.config.evaluations) for n in range(1, count + 1)}


def _check_finite(loss: float, run: Run) -> None:
    if not math.isfinite(loss):
        kept = f"; the best model, of step {run.best.step:,}, is kept" if run.best else ""
        raise UnfreezeError(
            f"The loss stopped being a number at step {run.step:,}{kept}. Try a smaller learning "
            f"rate than {run.config.learning_rate:g} (Quick takes "
            f"{mode_defaults(run.config.mode).learning_rate:g}), or gradient clipping."
        )
