"""A network bound to the texts it reads, so that callers only name the rows of a dataset."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ftcore import devices
from ftcore.errors import is_out_of_memory
from ftcore.events import Progress, Task
from ftcore.models.classifier import Classifier
from ftcore.text import batches
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.training import distributed, worker_threads


@dataclass(frozen=True)
class RowClassifier:
    """Scores texts by their rows: the whole model over tokens, or its head over cached features."""

    network: nn.Module
    inputs: Callable[[Tensor, int | None], tuple[Tensor, ...]]
    """Rows on the device, and their greatest length if known → what the network reads."""
    labels: Tensor
    """int64 [texts] or bool [texts, classes], on the device; see `Tokens`."""
    lengths: Tensor
    """Tokens read of each text, int64 [texts], on the CPU; orders texts into batches."""
    precision: str
    batch_tokens: int
    """Most tokens of a batch without gradients, padding included."""
    halves: bool = False
    """Whether the halves of a training batch can be computed at the same time, with the same result."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What computing the features took."""

    @property
    def device(self) -> torch.device:
        return self.labels.device

    def scores(self, rows: Tensor, longest: int | None = None) -> Tensor:
        """Scores [rows, classes] in fp32; see `Tokens.batch`."""
        with devices.autocast(self.device, self.precision):
            return self.network(*self.inputs(rows, longest)).float()

    def max_length(self, rows: Tensor) -> int:
        """The greatest length of some rows, which are on the CPU."""
        return int(self.lengths[rows].max())

    def predict(
        self, rows: Tensor, phase: Literal["evaluating", "testing", "features"]
    ) -> Task[Tensor]:
        """Scores of `rows` in eval mode, in their order: fp32 [rows, classes] on the CPU.

        Several processes share the rows and all get the scores.
        """
        order: list[Tensor] = []
        outputs: list[Tensor] = []
        done = 0
        split = distributed.ranks() if len(rows) >= distributed.ranks() else 1
        for batch, parts in self.outputs(distributed.share(rows) if split > 1 else rows):
            order.append(batch)
            outputs += parts
            done += len(batch)
            yield Progress(phase, min(done * split, len(rows)), len(rows), "texts")
        scores = torch.cat(outputs).cpu()
        positions = torch.empty(len(self.labels), dtype=torch.long)
        positions[rows] = torch.arange(len(rows))
        whole = torch.zeros(len(rows), scores.shape[1])
        whole.index_copy_(0, positions[torch.cat(order)], scores)
        return distributed.add_up(whole) if split > 1 else whole

    def outputs(self, rows: Tensor) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """Yield what the network in eval mode gives for batches of `rows`, in parts; longest texts first."""
        self.network.eval()
        threads = worker_threads.COUNT if worker_threads.useful(self.device) else 1
        order = list(batches.sorted_batches(self.lengths, rows, self.batch_tokens // threads))
        with worker_threads.side_by_side(threads > 1 and len(order) > 1) as side_by_side:
            results = side_by_side(
                self._scores_in_parts, order, batches.move_to(order, self.device)
            )
            yield from zip(order, results, strict=True)

    @torch.inference_mode()
    def _scores_in_parts(self, batch: Tensor, on_device: Tensor) -> list[Tensor]:
        """Scores of a batch (rows on the CPU and on the device), halved until it fits into memory."""
        try:
            return [self.scores(on_device, self.max_length(batch))]
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
        devices.release_memory()
        half = len(batch) // 2
        return [
            *self._scores_in_parts(batch[:half], on_device[:half]),
            *self._scores_in_parts(batch[half:], on_device[half:]),
        ]


def whole_model(
    model: Classifier, tokens: Tokens, truncation: Truncation, precision: str
) -> RowClassifier:
    """A model over the tokens of a dataset; both are on one device."""
    return RowClassifier(
        model,
        lambda rows, longest: tokens.batch(rows, truncation, longest),
        tokens.labels,
        tokens.lengths(truncation).cpu(),
        precision,
        devices.batch_tokens(tokens.labels.device),
        worker_threads.useful(tokens.labels.device) and not model.draws_when_training,
    )
