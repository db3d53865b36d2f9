"""Training: one generator of events, from a config to a tested checkpoint."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ftcore import batches, checkpoints, datasets, devices, encoding, strategies, text
from ftcore.batches import Tokens
from ftcore.checkpoints import Checkpoint
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Finished, Progress, Saved, Started, Status, Step, Task
from ftcore.models import TextClassifier
from ftcore.shape import ModelShape

POINTS = 200  # points that the training curve of a run has at most
EVALUATION_BATCH = 128


class Stop(Exception):
    """Thrown into the task of a run to end it at its next event and keep the best so far."""


@dataclass
class Run:
    """All that a run works with, once its data and model are ready."""

    config: FineTuneConfig
    output: Path
    ref: str
    model: TextClassifier
    parent: Checkpoint | None
    vocabulary: list[str]
    dataset: datasets.TextDataset
    split: str
    train: Tokens
    test: Tokens
    train_rows: Tensor
    val_rows: Tensor
    device: torch.device
    number_format: str
    notes: list[str]
    step: int = 0
    examples: int = 0
    train_seconds: float = 0.0
    best: Evaluation | None = None

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.train_rows) / self.config.batch_size)


@dataclass(frozen=True)
class Learner:
    """A network and its inputs by row: the whole model over tokens, or its head over pooled vectors."""

    net: nn.Module
    inputs: Callable[[Tensor], tuple[Tensor, ...]]
    labels: Tensor
    device: torch.device
    number_format: str

    def logits(self, rows: Tensor) -> Tensor:
        """Scores [rows, classes] in fp32."""
        with devices.autocast(self.device, self.number_format):
            return self.net(*self.inputs(rows)).float()


def train(config: FineTuneConfig, output: Path, ref: str) -> Task[None]:
    """Fine-tune as `config` says; the best checkpoint, known as `ref`, is left in the folder `output`.

    The last event is `Finished`. Throw `Stop` into the task to end it early. Raises UnfreezeError where
    settings, data or checkpoint cannot be used, or the loss stops being a number.
    """
    began = time.perf_counter()
    run = yield from prepare(config, output, ref)
    yield Started(facts(run), tuple(run.notes))
    status: Status = "finished"
    try:
        yield from fit(run)
        tested = yield from test(run)
        message = f"{tested.accuracy:.1%} of {len(run.test):,} test texts are right."
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
    }
    if run.best:
        metrics |= {"val_accuracy": run.best.accuracy, "best_step": float(run.best.step)}
        if status == "finished":
            metrics["test_accuracy"] = tested.accuracy
        checkpoints.update_metrics(output, metrics)
    yield Finished(status, message, metrics)


def prepare(config: FineTuneConfig, output: Path, ref: str) -> Task[Run]:
    """Data, words and model of a run, ready on its device."""
    device = devices.pick(config.device)
    parent = None if config.checkpoint == NEW_MODEL else checkpoints.find(config.checkpoint)
    dataset = yield from datasets.load(config.dataset, config.source)
    train_rows, val_rows = datasets.split(len(dataset.train.texts), config.seed, config.limit)
    notes = []
    if dataset.synthetic:
        notes.append("The sample is synthetic, built to show the difference between the modes.")
    if config.limit > len(train_rows):
        notes.append(f"There are {len(train_rows):,} training texts, so all of them are used.")
    torch.manual_seed(config.seed)
    if parent is None:
        model, vocab = yield from _new_model(config, len(dataset.labels))
    else:
        vocab = checkpoints.load_vocabulary(parent)
        model = checkpoints.load_model(parent, config.dropout)
        if parent.labels != dataset.labels:
            model.replace_head(len(dataset.labels))
            notes.append(
                f"The last layer is new: the checkpoint told {len(parent.labels)} classes apart, "
                f"this task has {len(dataset.labels)}."
            )
    train_tokens, test_tokens = yield from encoding.encode(dataset, vocab)
    return Run(
        config, output, ref, model.to(device), parent, list(vocab.itos), dataset,
        datasets.split_fingerprint(dataset, train_rows, val_rows),
        train_tokens.to(device), test_tokens.to(device),
        torch.tensor(train_rows), torch.tensor(val_rows),
        device, devices.precision(config.precision, device), notes,
    )  # fmt: skip


def fit(run: Run) -> Task[None]:
    """The training loop."""
    config = run.config
    torch.manual_seed(config.seed)
    shuffle = torch.Generator().manual_seed(config.seed)
    weights = strategies.freeze(run.model, config)
    learner = yield from _learner(run)
    optimizer = _optimizer(config, weights)
    total = config.epochs * run.steps_per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(config, total))
    lengths = run.train.lengths(config.max_length).cpu()
    report_every, evaluate_at = math.ceil(total / POINTS), _evaluation_steps(run)
    sums = torch.zeros(3, device=run.device)  # loss, right answers and texts since the last report

    yield from _validate(run, learner)
    for _ in range(config.epochs):
        for rows in batches.shuffled_batches(lengths, run.train_rows, config.batch_size, shuffle):
            clock = time.perf_counter()
            learner.net.train()
            rows = rows.to(run.device)
            labels = learner.labels[rows]
            logits = learner.logits(rows)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            if config.clip:
                nn.utils.clip_grad_norm_(weights, config.clip)
            optimizer.step()
            schedule.step()
            run.step += 1
            run.examples += len(rows)
            # Summed on the device: reading a value at every step would make it wait.
            right = (logits.argmax(1) == labels).sum()
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
            if run.step in evaluate_at:
                yield from _validate(run, learner)


def test(run: Run) -> Task[Evaluation]:
    """Accuracy of the best weights on the test set, read back from disk as everybody else will."""
    best = checkpoints.load_model(checkpoints.find(run.ref)).to(run.device)
    figures = yield from measure(
        best, run.test, run.config.max_length, run.device, run.number_format
    )
    evaluation = _evaluation(run, "test", *figures)
    yield evaluation
    return evaluation


def measure(
    model: TextClassifier, tokens: Tokens, max_length: int, device: torch.device, number_format: str
) -> Task[tuple[float, float]]:
    """Mean loss and accuracy of a model over a test set; both are on `device`."""
    learner = _whole_model(model, tokens, max_length, device, number_format)
    rows = torch.arange(len(tokens))
    lengths = tokens.lengths(max_length).cpu()
    ordered = list(batches.sorted_batches(lengths, rows, EVALUATION_BATCH))
    return (yield from _evaluate(learner, ordered, "testing"))


def facts(run: Run) -> dict[str, str | int | float]:
    """What a run is about, for its record."""
    return {
        "dataset_fingerprint": run.dataset.fingerprint,
        "split_fingerprint": run.split,
        "data_from": run.dataset.source,
        "labels": ", ".join(run.dataset.labels),
        "train_texts": len(run.train_rows),
        "val_texts": len(run.val_rows),
        "test_texts": len(run.test),
        "steps_per_epoch": run.steps_per_epoch,
        "steps": run.steps_per_epoch * run.config.epochs,
        "parameters": run.model.shape.parameters,
        "trainable_parameters": strategies.trainable_parameters(run.config, run.model.shape),
        "trains": strategies.describe(run.config, run.model.shape),
        "device": run.device.type,
        "precision": run.number_format,
    }


def _new_model(config: FineTuneConfig, classes: int) -> Task[tuple[TextClassifier, text.Vocab]]:
    """Random layers over word vectors; the two special tokens get a vector each, as every word has."""
    path = Path(config.vectors) if config.vectors else (yield from text.fetch_glove(config.words))
    words, vectors = yield from text.load_vectors(path, config.words)
    vocab = text.vocab_from_tokens([*text.SPECIALS, *words])
    # <unk> is the mean of all words; <pad> is masked everywhere, so its vector never counts.
    specials = torch.stack([vectors.mean(0), torch.zeros(vectors.shape[1])])
    rounded = torch.cat([specials, vectors]).half()  # stored in half, so trained with just that
    shape = ModelShape(
        len(rounded), vectors.shape[1], classes, config.heads, config.layers, config.feedforward
    )
    return TextClassifier(shape, rounded, config.dropout), vocab


def _learner(run: Run) -> Task[Learner]:
    """What the loop trains, with its inputs.

    A frozen body in eval mode says the same of a text every time, so the last layer alone is trained
    on vectors that are computed once.
    """
    config = run.config
    if config.mode != "last-layer":
        return _whole_model(run.model, run.train, config.max_length, run.device, run.number_format)
    clock = time.perf_counter()
    vectors = yield from _features(run)
    run.train_seconds += time.perf_counter() - clock
    return Learner(
        run.model.classifier, lambda rows: (vectors[rows],), run.train.labels, run.device, "fp32"
    )


def _whole_model(
    model: TextClassifier, tokens: Tokens, max_length: int, device: torch.device, number_format: str
) -> Learner:
    return Learner(
        model, lambda rows: tokens.batch(rows, max_length), tokens.labels, device, number_format
    )


def _features(run: Run) -> Task[Tensor]:
    """The body's vector for each text of training and validation, [texts of the dataset, dim]."""
    rows = torch.cat([run.train_rows, run.val_rows])
    vectors = torch.zeros(len(run.train), run.model.shape.dim, device=run.device)
    lengths = run.train.lengths(run.config.max_length).cpu()
    run.model.eval()
    done = 0
    for batch in batches.sorted_batches(lengths, rows, EVALUATION_BATCH):
        batch = batch.to(run.device)
        with torch.inference_mode(), devices.autocast(run.device, run.number_format):
            pooled = run.model.features(*run.train.batch(batch, run.config.max_length)).float()
        vectors[batch] = pooled.clone()
        done += len(batch)
        yield Progress("features", done, len(rows), "texts")
    return vectors


def _validate(run: Run, learner: Learner) -> Task[None]:
    """Evaluate on the validation part; save where it is the best so far."""
    lengths = run.train.lengths(run.config.max_length).cpu()
    ordered = batches.sorted_batches(lengths, run.val_rows, EVALUATION_BATCH)
    now = _evaluation(run, "val", *(yield from _evaluate(learner, list(ordered), "evaluating")))
    yield now
    _check_finite(now.loss, run)
    best = run.best
    if best is None or (now.accuracy, -now.loss) > (best.accuracy, -best.loss):
        run.best = now
        _save(run, now)
        yield Saved(run.output, now.step, now.accuracy)


def _evaluate(
    learner: Learner, ordered: Sequence[Tensor], phase: Literal["evaluating", "testing"]
) -> Task[tuple[float, float]]:
    """Mean loss and accuracy over batches of rows."""
    total = sum(len(rows) for rows in ordered)
    sums = torch.zeros(2, device=learner.device)
    done = 0
    learner.net.eval()
    for rows in ordered:
        rows = rows.to(learner.device)
        with torch.inference_mode():
            logits, labels = learner.logits(rows), learner.labels[rows]
            loss = F.cross_entropy(logits, labels, reduction="sum")
            sums += torch.stack([loss, (logits.argmax(1) == labels).sum()])
        done += len(rows)
        yield Progress(phase, done, total, "texts")
    loss_sum, correct = sums.tolist()
    return loss_sum / total, correct / total


def _evaluation(
    run: Run, split: Literal["val", "test"], loss: float, accuracy: float
) -> Evaluation:
    return Evaluation(
        split, run.step, run.step / run.steps_per_epoch, run.train_seconds, run.examples,
        loss, accuracy,
    )  # fmt: skip


def _save(run: Run, evaluation: Evaluation) -> None:
    origin: dict[str, Any] = {"run": run.ref, "config": run.config.to_dict(), **facts(run)}
    if run.parent is not None:
        origin["source_checkpoint"] = run.parent.title
    checkpoints.save(
        run.model, run.output,
        ref=run.ref, title=run.config.name or run.ref, labels=run.dataset.labels,
        vocabulary=run.vocabulary, max_length=run.config.max_length, dataset=run.dataset.name,
        parent=run.parent,
        metrics={"val_accuracy": evaluation.accuracy, "best_step": float(evaluation.step)},
        origin=origin,
    )  # fmt: skip


def _optimizer(config: FineTuneConfig, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    if config.optimizer == "sgd":
        return torch.optim.SGD(weights, config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.AdamW(
        weights, config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


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
            f"The loss stopped being a number at step {run.step:,}{kept}. Try a learning rate ten times "
            f"smaller than {run.config.learning_rate:g}, or gradient clipping."
        )
