"""Vectors of stored texts from the frozen body of a checkpoint: computed once, in parts, and kept."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from ftcore import devices
from ftcore.config import FineTuneConfig
from ftcore.events import Event, drain
from ftcore.models import checkpoint_files
from ftcore.models.checkpoints import Checkpoint
from ftcore.text.batches import Tokens
from ftcore.training import cached_features, encoding

MAX_LENGTH = 128  # tokens of a text, of its start and its end
FIRST_PART, LARGEST_PART = 500, 10_000  # texts; the first, so that a model can choose soon


def in_parts(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    fingerprint: str,
    order: np.ndarray,
    on_event: Callable[[Event], None],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield positions of texts, int64, and their vectors, fp32 [positions, dim], for all of `order`.

    fingerprint: of the texts. order: positions of texts, those that are needed first in front. What was
    computed before, also by a process that was killed, comes from the cache. Raises UnfreezeError.
    """
    device = devices.pick()
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    model = checkpoint_files.load_model(checkpoint, beside=True).to(device)
    # Reads a text as a new head would.
    model.spec = model.spec.with_head(model.spec.classes, "auto")
    ids, offsets = drain(encoding.encode_texts(fingerprint, texts, tokenizer), on_event)
    tokens = Tokens.pack(ids, offsets, np.zeros(len(texts), np.int64), tokenizer.frame).to(device)
    longest = min(MAX_LENGTH, checkpoint.model.max_length)
    truncation = FineTuneConfig(checkpoint.ref, mode="last-layer", max_length=longest).truncation
    precision = devices.precision("auto", device)
    done = 0
    while done < len(order):
        # Parts grow, as the cache is written anew with each; what is being computed is lost by a kill.
        part = np.sort(order[done : done + min(max(FIRST_PART, done), LARGEST_PART)])
        rows = torch.from_numpy(part)
        task = cached_features.load_or_compute(model, tokens, rows, truncation, precision)
        found, _ = drain(task, on_event)
        yield part, found
        done += len(part)
