"""What a loop trains or measures: the whole model over tokens, or its head over pooled vectors."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ftcore import devices
from ftcore.errors import is_out_of_memory
from ftcore.events import Progress, Task
from ftcore.models.classifier import TextClassifier
from ftcore.storage import cache
from ftcore.text import batches
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.training import strategies
from ftcore.training.preparation import Run

HEAD_TOKENS = 1 << 24  # of the texts whose vectors a head takes at once
FORMAT = 2  # of kept vectors; raise it when the body computes something else from the same weights


@dataclass(frozen=True)
class Learner:
    """A network and its inputs by rows and their longest; `lengths`, on the CPU, orders them into batches.

    Without gradients a batch has at most `batch_tokens`, by these lengths and with their padding.
    """

    net: nn.Module
    inputs: Callable[[Tensor, int | None], tuple[Tensor, ...]]
    labels: Tensor
    lengths: Tensor
    device: torch.device
    number_format: str
    batch_tokens: int
    metrics: dict[str, float] = field(default_factory=dict)  # what making the inputs took

    def logits(self, rows: Tensor, longest: int | None = None) -> Tensor:
        """Scores [rows, classes] in fp32; see `Tokens.batch`."""
        with devices.autocast(self.device, self.number_format):
            return self.net(*self.inputs(rows, longest)).float()

    def longest(self, rows: Tensor) -> int:
        """The greatest length of some rows, which are on the CPU."""
        return int(self.lengths[rows].max())

    def predict(self, rows: Tensor, phase: Literal["evaluating", "testing"]) -> Task[Tensor]:
        """Scores of `rows` in eval mode, in their order: fp32 [rows, classes] on the CPU."""
        places = torch.empty(len(self.labels), dtype=torch.long)
        places[rows] = torch.arange(len(rows))
        self.net.eval()
        found: list[Tensor] = []
        done = 0
        order = list(batches.sorted_batches(self.lengths, rows, self.batch_tokens))
        for batch, here in zip(order, batches.move_to(order, self.device), strict=True):
            with torch.inference_mode():
                found += _in_parts(
                    lambda rows, text: self.logits(rows, self.longest(text)), here, batch
                )
            done += len(batch)
            yield Progress(phase, done, len(rows), "texts")
        scores = torch.cat(found).cpu()
        return torch.empty_like(scores).index_copy_(0, places[torch.cat(order)], scores)


def whole_model(
    model: TextClassifier,
    tokens: Tokens,
    window: Truncation,
    device: torch.device,
    number_format: str,
) -> Learner:
    """A model over the tokens of a dataset; both are on `device`."""
    return Learner(
        model,
        lambda rows, longest: tokens.batch(rows, window, longest),
        tokens.labels,
        tokens.lengths(window).cpu(),
        device,
        number_format,
        devices.batch_tokens(device),
    )


def for_mode(run: Run, model: TextClassifier, tokens: Tokens, rows: Tensor) -> Task[Learner]:
    """What the run's mode trains, or measures, on those rows of the tokens.

    A frozen body in eval mode says the same of a text every time, so a last layer alone works on vectors
    that are computed once, and kept for later runs.
    """
    whole = whole_model(model, tokens, run.config.truncation, run.device, run.number_format)
    if not strategies.head_alone(run.config, model.spec):
        return whole
    rows = rows.sort().values  # whatever their order: the same texts make the same batches
    found, metrics = yield from pooled(
        model, tokens, rows, run.config.truncation, run.device, run.number_format
    )
    vectors = torch.zeros(len(tokens), model.spec.dim, device=run.device)
    vectors[rows.to(run.device)] = torch.from_numpy(found).to(run.device)
    return Learner(
        model.classifier,
        lambda rows, _: (vectors[rows],),
        whole.labels,
        whole.lengths,
        run.device,
        "fp32",
        HEAD_TOKENS,
        metrics,
    )


def pooled(
    model: TextClassifier,
    tokens: Tokens,
    rows: Tensor,
    window: Truncation,
    device: torch.device,
    number_format: str,
) -> Task[tuple[np.ndarray, dict[str, float]]]:
    """The body's vectors of ascending rows in eval mode, fp32 [rows, dim], and what making them took.

    They are kept, and found again by whatever has the same body and asks for the same texts.
    """
    name = _name(model, tokens, rows, window, device, number_format)
    stored = cache.load(name)
    kept = "vectors" in stored and len(stored["vectors"]) == len(rows)
    if not kept:
        clock = time.perf_counter()
        whole = whole_model(model, tokens, window, device, number_format)
        found = yield from features(model, whole, rows)
        seconds = np.array(time.perf_counter() - clock)
        stored = {"vectors": found.cpu().numpy(), "seconds": seconds}
        cache.store(name, stored)
    metrics = {"features_seconds": float(stored["seconds"]), "features_kept": float(kept)}
    return stored["vectors"], metrics


def features(model: TextClassifier, whole: Learner, rows: Tensor) -> Task[Tensor]:
    """The body's vector in eval mode for each of `rows`, fp32 [rows, dim]."""
    places = torch.empty(len(whole.labels), dtype=torch.long)
    places[rows] = torch.arange(len(rows))
    found: list[Tensor] = []
    model.eval()
    done = 0
    order = list(batches.sorted_batches(whole.lengths, rows, whole.batch_tokens))
    for batch, here in zip(order, batches.move_to(order, whole.device), strict=True):
        with torch.no_grad(), devices.autocast(whole.device, whole.number_format):
            found += _in_parts(
                lambda rows, text: model.features(*whole.inputs(rows, whole.longest(text))).float(),
                here,
                batch,
            )
        done += len(batch)
        yield Progress("features", done, len(rows), "texts")
    vectors = torch.cat(found)
    where = places[torch.cat(order)].to(whole.device)
    return torch.empty_like(vectors).index_copy_(0, where, vectors)


def _in_parts(
    compute: Callable[[Tensor, Tensor], Tensor], here: Tensor, batch: Tensor
) -> list[Tensor]:
    """What `compute` makes of a batch (its rows on the device, and on the CPU), or of its halves, where
    the whole does not fit into memory."""
    try:
        return [compute(here, batch)]
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not is_out_of_memory(error):
            raise
    devices.release_memory()
    half = len(batch) // 2
    return [
        *_in_parts(compute, here[:half], batch[:half]),
        *_in_parts(compute, here[half:], batch[half:]),
    ]


def _name(
    model: TextClassifier,
    tokens: Tokens,
    rows: Tensor,
    window: Truncation,
    device: torch.device,
    number_format: str,
) -> str:
    """A name for the vectors that changes with whatever they are computed from."""
    body = [one for name, one in model.state_dict().items() if not name.startswith("classifier")]
    content = hashlib.sha256(
        repr((FORMAT, model.spec.heads, window, device.type, number_format)).encode()
    )
    for tensor in (*body, tokens.ids, tokens.offsets, rows):
        content.update(repr(tuple(tensor.shape)).encode())
        content.update(tensor.detach().cpu().contiguous().numpy().data)
    return f"features-{content.hexdigest()[:32]}"
