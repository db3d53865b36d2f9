"""Features of texts from a frozen body: computed once, cached on disk, shared by runs."""

import hashlib
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ftcore.events import Task
from ftcore.models.classifier import Classifier
from ftcore.storage import cache
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.training import distributed
from ftcore.training.row_classifier import RowClassifier, whole_model

HEAD_TOKENS = 1 << 24  # tokens of the texts whose features a head takes at once
FORMAT = 3  # of cached features; raise it if the body computes something else from the same weights


class Body(nn.Module):
    """A classifier without its head: ids [batch, length], lengths [batch] → features [batch, dim]."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.model.features(ids, lengths)


def head_over_features(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[RowClassifier]:
    """The head of a model over the features of `rows`; it can score no other rows."""
    rows = rows.sort().values
    features, metrics = yield from load_or_compute(model, tokens, rows, truncation, precision)
    device = tokens.labels.device
    table = torch.zeros(len(tokens), model.spec.dim, device=device)
    table[rows.to(device)] = torch.from_numpy(features).to(device)
    return replace(
        whole_model(model, tokens, truncation, "fp32"),
        network=model.classifier,
        inputs=lambda rows, _: (table[rows],),
        batch_tokens=HEAD_TOKENS,
        halves=False,  # too little work for threads
        metrics=metrics,
    )


def load_or_compute(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[tuple[np.ndarray, dict[str, float]]]:
    """Features of ascending rows, fp32 [rows, dim], and what they took.

    They are cached text by text, under the body and the texts they are computed from: a run computes those of
    its texts that no run has had before.
    """
    name, wanted = _cache_name(model, tokens, truncation, precision), rows.cpu().numpy()
    stored = distributed.from_first(cache.load(name))
    if not _is_whole(stored, model.spec.dim):
        stored = _nothing(model.spec.dim)
    missing = np.setdiff1d(wanted, stored["rows"], assume_unique=True)
    if len(missing):
        stored = yield from _extended(
            stored, model, tokens, torch.from_numpy(missing), truncation, precision
        )
        if distributed.is_first():
            cache.store(name, stored)
    places = np.searchsorted(stored["rows"], wanted)
    seconds = stored["seconds"][places].astype(float)
    kept = seconds[~np.isin(wanted, missing, assume_unique=True)].sum()
    metrics = {
        "features_seconds": float(seconds.sum()),
        "features_kept": float(kept / seconds.sum()) if len(missing) else 1.0,
    }
    return stored["vectors"][places], metrics


def _nothing(dim: int) -> dict[str, np.ndarray]:
    """The arrays of a cache entry without a text: `rows` ascend, `seconds` are what each of them took."""
    return {
        "rows": np.zeros(0, np.int64),
        "vectors": np.zeros((0, dim), np.float32),
        "seconds": np.zeros(0, np.float32),
    }


def _is_whole(stored: dict[str, np.ndarray], dim: int) -> bool:
    return stored.keys() == _nothing(dim).keys() and all(
        len(array) == len(stored["rows"]) for array in stored.values()
    )


def _extended(
    stored: dict[str, np.ndarray],
    model: Classifier,
    tokens: Tokens,
    missing: Tensor,
    truncation: Truncation,
    precision: str,
) -> Task[dict[str, np.ndarray]]:
    """A cache entry with further texts; their seconds are shared out by length."""
    clock = time.perf_counter()
    features = yield from compute(model, tokens, missing, truncation, precision)
    lengths = tokens.lengths(truncation).cpu()[missing].numpy()
    seconds = (time.perf_counter() - clock) * lengths / lengths.sum()
    new = {"rows": missing.numpy(), "vectors": features, "seconds": seconds.astype(np.float32)}
    if not len(stored["rows"]):
        return new
    order = np.argsort(np.concatenate([stored["rows"], new["rows"]]), kind="stable")
    return {key: np.concatenate([stored[key], new[key]])[order] for key in new}


def compute(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[np.ndarray]:
    """Features of `rows` in eval mode, fp32 [rows, dim]."""
    body = replace(whole_model(model, tokens, truncation, precision), network=Body(model))
    return (yield from body.predict(rows, "features")).numpy()


def _cache_name(model: Classifier, tokens: Tokens, truncation: Truncation, precision: str) -> str:
    """A name that changes with everything the features are computed from."""
    settings = (FORMAT, model.spec.heads, truncation, tokens.labels.device.type, precision)
    digest = hashlib.sha256(repr(settings).encode())
    weights = model.state_dict().items()
    body = [weight for name, weight in weights if not name.startswith("classifier")]
    for tensor in (*body, tokens.ids, tokens.offsets):
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return f"features-{digest.hexdigest()[:32]}"
