"""A reference line: the best that a last layer can do on the vectors of a frozen body."""

import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore.baselines import tfidf
from ftcore.config import FineTuneConfig
from ftcore.diagnostics import results
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Finished, Progress, Started, Task
from ftcore.training import learners, preparation

PENALTIES = (
    1e-1,
    1e-2,
    1e-3,
    1e-4,
    1e-5,
    1e-6,
)  # on the squared weights; the strongest comes first
ROUNDS, ITERATIONS = 20, 20  # at most, for each of them; a round ends with a sign of life
FLAT = 1e-6  # the largest slope at which a minimum is reached


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Fit and test a linear head by L-BFGS (Liu & Nocedal 1989); the last event is `Finished`.

    Its loss is convex, so there is nothing to tune but the penalty, which validation loss chooses. Split,
    vectors and what is left in the folder `output` are as with the other modes. Raises UnfreezeError.
    """
    began = time.perf_counter()
    like = replace(config, mode="last-layer", watch="")
    run = yield from preparation.prepare(like, output or Path(), "")
    yield Started(
        preparation.facts(run) | {"steps": 1, "steps_per_epoch": 1},
        (*run.notes, "A reference line: the best last layer is computed, and no model is kept."),
    )
    clock = time.perf_counter()
    rows = torch.cat([run.train_rows, run.val_rows])
    learner = yield from learners.for_mode(run, run.model, run.train, rows)
    [vectors] = learner.inputs(rows.to(run.device), None)
    labels = learner.labels.cpu()[rows]
    mean, spread = vectors.mean(0), vectors.std(0).clamp(min=1e-6)
    scaled = ((vectors - mean) / spread).cpu().double()  # its minimum is the same, and nearer
    train, count = len(run.train_rows), len(run.dataset.labels)
    head = yield from _best(scaled[:train], labels[:train], scaled[train:], labels[train:], count)
    seconds = time.perf_counter() - clock

    def answers(found: Tensor) -> Tensor:
        return (_with_ones(((found - mean) / spread).cpu().double()) @ head).softmax(1)

    validated = tfidf.evaluation(
        "val", answers(vectors[train:]).numpy(), labels[train:].numpy(), seconds, train
    )
    yield validated
    rows = torch.arange(len(run.test))
    tests = yield from learners.for_mode(run, run.model, run.test, rows)
    [vectors] = tests.inputs(rows.to(run.device), None)
    truth, shares = run.test.labels.cpu().numpy(), answers(vectors).numpy()
    tested = tfidf.evaluation("test", shares, truth, seconds, train)
    yield tested
    message = f"{tested.accuracy:.1%} of {len(truth):,} test texts are right."
    if output is not None:
        found = Diagnostics(run.dataset.labels, truth, shares.astype("float32"))
        message += results.store(output, run.dataset, found)
    figures = tfidf.figures(began, validated, tested) | learner.metrics
    yield Finished("finished", message, figures)


def _best(
    train: Tensor, labels: Tensor, val: Tensor, val_labels: Tensor, classes: int
) -> Task[Tensor]:
    """The weights [dim + 1, classes], the bias last, of the penalty with the smallest validation loss."""
    train, val = _with_ones(train), _with_ones(val)
    weights = torch.zeros(train.shape[1], classes, dtype=train.dtype, requires_grad=True)
    best, least = weights.detach().clone(), float("inf")
    for done, penalty in enumerate(PENALTIES):  # each begins where the one before ended
        optimizer = torch.optim.LBFGS(
            [weights], max_iter=ITERATIONS, tolerance_grad=FLAT, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()  # noqa: B023  # called in this round alone
            value = F.cross_entropy(train @ weights, labels) + penalty * weights[:-1].square().sum()  # noqa: B023
            value.backward()
            return value

        for _ in range(ROUNDS):
            optimizer.step(loss)
            yield Progress("training", done, len(PENALTIES), "fits")
            assert weights.grad is not None
            if weights.grad.abs().max() <= FLAT:
                break
        with torch.no_grad():
            now = F.cross_entropy(val @ weights, val_labels).item()
        if now < least:
            best, least = weights.detach().clone(), now
    return best


def _with_ones(vectors: Tensor) -> Tensor:
    """Vectors [n, dim] with a 1 behind each, which carries the bias."""
    return F.pad(vectors, (0, 1), value=1.0)
