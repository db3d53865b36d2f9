"""What a loop trains or measures: the whole model over tokens, or its head over pooled vectors."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ftcore import batches, devices
from ftcore.batches import Tokens
from ftcore.events import Progress, Task
from ftcore.models import TextClassifier
from ftcore.preparation import Run

EVALUATION_TOKENS = 32_768  # a batch without gradients, padding included


@dataclass(frozen=True)
class Learner:
    """A network and its inputs by row; `lengths` orders the rows into batches."""

    net: nn.Module
    inputs: Callable[[Tensor], tuple[Tensor, ...]]
    labels: Tensor
    lengths: Tensor
    device: torch.device
    number_format: str

    def logits(self, rows: Tensor) -> Tensor:
        """Scores [rows, classes] in fp32."""
        with devices.autocast(self.device, self.number_format):
            return self.net(*self.inputs(rows)).float()

    def evaluate(
        self, rows: Tensor, phase: Literal["evaluating", "testing"]
    ) -> Task[tuple[float, float]]:
        """Mean loss and accuracy over rows."""
        sums = torch.zeros(2, device=self.device)
        done = 0
        self.net.eval()
        for batch in batches.sorted_batches(self.lengths, rows, EVALUATION_TOKENS):
            batch = batch.to(self.device)
            with torch.inference_mode():
                logits, labels = self.logits(batch), self.labels[batch]
                loss = F.cross_entropy(logits, labels, reduction="sum")
                sums += torch.stack([loss, (logits.argmax(1) == labels).sum()])
            done += len(batch)
            yield Progress(phase, done, len(rows), "texts")
        loss_sum, correct = sums.tolist()
        return loss_sum / len(rows), correct / len(rows)


def whole_model(
    model: TextClassifier, tokens: Tokens, max_length: int, device: torch.device, number_format: str
) -> Learner:
    """A model over the tokens of a dataset; both are on `device`."""
    return Learner(
        model, lambda rows: tokens.batch(rows, max_length), tokens.labels,
        tokens.lengths(max_length).cpu(), device, number_format,
    )  # fmt: skip


def for_mode(run: Run) -> Task[Learner]:
    """What the run's mode trains.

    A frozen body in eval mode says the same of a text every time, so the last layer alone is trained
    on vectors that are computed once; the time for them counts as training.
    """
    whole = whole_model(run.model, run.train, run.config.max_length, run.device, run.number_format)
    if run.config.mode != "last-layer":
        return whole
    clock = time.perf_counter()
    vectors = yield from _features(run, whole)
    run.train_seconds += time.perf_counter() - clock
    return Learner(
        run.model.classifier, lambda rows: (vectors[rows],), whole.labels, whole.lengths,
        run.device, "fp32",
    )  # fmt: skip


def _features(run: Run, whole: Learner) -> Task[Tensor]:
    """The body's vector for each text of training and validation, [texts of the dataset, dim]."""
    rows = torch.cat([run.train_rows, run.val_rows])
    vectors = torch.zeros(len(run.train), run.model.shape.dim, device=run.device)
    run.model.eval()
    done = 0
    for batch in batches.sorted_batches(whole.lengths, rows, EVALUATION_TOKENS):
        batch = batch.to(run.device)
        with torch.no_grad(), devices.autocast(run.device, run.number_format):
            vectors[batch] = run.model.features(*whole.inputs(batch)).float()
        done += len(batch)
        yield Progress("features", done, len(rows), "texts")
    return vectors
