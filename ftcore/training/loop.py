"""The training loop: a generator of events, from prepared weights to trained ones."""

import math
import time
from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ftcore import devices
from ftcore.config import FineTuneConfig, mode_defaults
from ftcore.errors import Diverged, is_out_of_memory
from ftcore.events import (
    Evaluation,
    Noted,
    Pause,
    Progress,
    Resumable,
    Saved,
    Step,
    Task,
    Watched,
)
from ftcore.text import batches
from ftcore.text.batches import Tokens
from ftcore.training import learners, preparation, snapshots, strategies
from ftcore.training.learners import Learner
from ftcore.training.preparation import Run
from ftcore.training.snapshots import Loop, Snapshot

POINTS = 200  # points that the training curve of a run has at most


def fit(run: Run, snapshot: Snapshot | None = None) -> Task[None]:
    """The training loop, from its beginning or from a snapshot."""
    config = run.config
    torch.manual_seed(config.seed)
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
    report_every, kept = math.ceil(total / POINTS), time.monotonic()
    evaluate_at = _evaluation_steps(run)
    sums = torch.zeros(3, device=run.device)  # loss, right answers and texts since the last report
    shuffle = torch.Generator().manual_seed(config.seed)
    loop = Loop(optimizer, schedule, shuffle, sums)
    if snapshot:
        snapshots.resume_loop(run, loop, snapshot)

    try:
        if run.step in evaluate_at and loop.evaluated < run.step:
            yield from _validate(run, learner, loop)
        for epoch in range(loop.epoch, config.epochs):
            strategies.freeze(run.model, config, epoch)
            loop.epoch, loop.began_epoch = epoch, shuffle.get_state()
            order = batches.shuffled_batches(
                learner.lengths, run.train_rows, config.batch_size, shuffle
            )[loop.batch :]
            for batch, rows in zip(order, batches.move_to(order, run.device), strict=True):
                clock = time.perf_counter()
                learner.net.train()
                optimizer.zero_grad()
                while (found := _backward(run, learner, batch, rows)) is None:
                    optimizer.zero_grad()
                    yield _smaller_parts(run)
                if config.max_grad_norm:
                    nn.utils.clip_grad_norm_(weights, config.max_grad_norm)
                optimizer.step()
                schedule.step()
                run.step += 1
                run.examples += len(rows)
                loop.batch += 1
                # Summed on the device: reading a value at every step would make it wait.
                sums += found
                report = run.step % report_every == 0 or run.step == total
                loss_sum, correct, seen = sums.tolist() if report else (0.0, 0.0, 1.0)
                run.train_seconds += time.perf_counter() - clock
                if report:
                    _check_finite(loss_sum, run)
                    sums.zero_()
                    yield Step(
                        run.step,
                        run.step / run.steps_per_epoch,
                        run.train_seconds,
                        run.examples,
                        loss_sum / seen,
                        correct / seen,
                        float(schedule.get_last_lr()[0]),
                    )
                yield Progress("training", run.step, total, "steps")
                if run.step in evaluate_at:
                    yield from _validate(run, learner, loop)
                if (
                    run.step in evaluate_at
                    or run.step == total
                    or time.monotonic() - kept > snapshots.SECONDS
                ):
                    yield Resumable(run.step)
                    snapshots.save(run, loop)
                    kept = time.monotonic()
            loop.batch = 0
    except Pause:
        snapshots.save(run, loop)
        raise


def _backward(run: Run, learner: Learner, batch: Tensor, rows: Tensor) -> Tensor | None:
    """Gradients of the mean loss of a batch (its rows on the CPU, and on the device), part by part.

    Returns the sum of its losses, its right answers and its texts; None where memory did not suffice.
    """
    found = torch.zeros(3, device=run.device)
    try:
        for part, here in zip(batch.chunk(run.parts), rows.chunk(run.parts), strict=True):
            logits = learner.logits(here, learner.longest(part))
            labels = learner.labels[here]
            loss = F.cross_entropy(logits, labels)
            (loss * (len(here) / len(rows))).backward()
            right = (logits.argmax(1) == labels).sum()
            found += torch.stack(
                [loss.detach() * len(here), right, torch.full_like(right, len(here))]
            )
        return found
    except (RuntimeError, MemoryError) as error:
        if run.parts >= len(rows) or not is_out_of_memory(error):
            raise
    return None


def _smaller_parts(run: Run) -> Noted:
    """Cut batches into twice as many parts; their gradients add up to those of the whole."""
    run.parts *= 2
    devices.release_memory()
    whole = run.config.batch_size
    run.notes.append(
        f"Memory did not suffice for {whole // (run.parts // 2)} texts at once: each step of {whole} "
        f"texts is now computed in {run.parts} parts, whose gradients add up to the same."
    )
    return Noted(run.notes[-1])


def _validate(run: Run, learner: Learner, loop: Loop) -> Task[None]:
    """Evaluate on the validation part; save where it is the best so far."""
    scores = yield from learner.predict(run.val_rows, "evaluating")
    now = evaluation_of(run, "val", scores, run.train.labels[run.val_rows])
    yield now
    if run.watched is not None:
        yield _watch(run, run.watched)
    _check_finite(now.loss, run)
    best = run.best
    if best is None or (now.accuracy, -now.loss) > (best.accuracy, -best.loss):
        run.best = now
        preparation.save(run, now)
        yield Saved(run.output, now.step, now.accuracy)
    loop.evaluated = run.step


def _watch(run: Run, sentences: Tokens) -> Watched:
    """What the model says of the watched sentences now."""
    run.model.eval()
    with torch.inference_mode():
        rows = torch.arange(len(sentences), device=run.device)
        shares = run.model(*sentences.batch(rows, run.config.truncation)).softmax(1).tolist()
    return Watched(
        run.step,
        run.step / run.steps_per_epoch,
        run.train_seconds,
        run.examples,
        tuple(map(tuple, shares)),
    )


def evaluation_of(
    run: Run, split: Literal["val", "test"], scores: Tensor, labels: Tensor
) -> Evaluation:
    labels = labels.cpu()
    return Evaluation(
        split,
        run.step,
        run.step / run.steps_per_epoch,
        run.train_seconds,
        run.examples,
        F.cross_entropy(scores, labels).item(),
        (scores.argmax(1) == labels).float().mean().item(),
    )


def make_optimizer(run: Run) -> torch.optim.Optimizer:
    """Over all that ever trains, each layer group with its own rate."""
    config = run.config
    rates = strategies.learning_rates(config, run.model.spec)
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
    """Steps after which to validate: 0, and `evaluations` times an epoch, evenly, always at its end."""
    count = run.config.epochs * run.config.evaluations
    return {round(n * run.steps_per_epoch / run.config.evaluations) for n in range(count + 1)}


def _check_finite(loss: float, run: Run) -> None:
    if not math.isfinite(loss):
        kept = f"; the best model, of step {run.best.step:,}, is kept" if run.best else ""
        if not run.step:
            raise Diverged(
                "The loss is no number before the first step: the weights that the run starts from, or "
                "their word vectors, are too large; choose another checkpoint or other vectors."
            )
        raise Diverged(
            f"The loss stopped being a number at step {run.step:,}{kept}. "
            f"Try {_what_helps(run.config)}."
        )


def _what_helps(config: FineTuneConfig) -> str:
    """What to change where a loss stops being a number."""
    rate, usual = config.learning_rate, mode_defaults(config.mode).learning_rate
    ways = [f"a smaller learning rate than {rate:g}"]
    if rate > usual and config.optimizer == "adamw":
        ways[0] += f" (Quick takes {usual:g})"
    if (
        config.weight_decay > 0.1 and rate * config.weight_decay > 1
    ):  # a step takes away more than all
        ways.append(f"a smaller weight decay than {config.weight_decay:g}")
    if config.train_embeddings and config.embedding_rate > 1:
        ways.append(f"a smaller rate of the word vectors than {config.embedding_rate:g}")
    if not config.max_grad_norm and config.optimizer == "sgd":  # AdamW's steps are as long without
        ways.append("gradient clipping")
    return ", or ".join(ways)
