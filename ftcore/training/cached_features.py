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
from ftcore.training.row_classifier import RowClassifier, whole_model

HEAD_TOKENS = 1 << 24  # tokens of the texts whose features a head takes at once
FORMAT = 2  # of cached features; raise it if the body computes something else from the same weights


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
    rows = rows.sort().values  # the same texts in another order are the same cache entry
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

    They are cached by the body and the texts they are computed from.
    """
    name = _cache_name(model, tokens, rows, truncation, precision)
    stored = cache.load(name)
    cached = "vectors" in stored and len(stored["vectors"]) == len(rows)
    if not cached:
        clock = time.perf_counter()
        features = yield from compute(model, tokens, rows, truncation, precision)
        seconds = np.array(time.perf_counter() - clock)
        stored = {"vectors": features, "seconds": seconds}
        cache.store(name, stored)
    metrics = {"features_seconds": float(stored["seconds"]), "features_kept": float(cached)}
    return stored["vectors"], metrics


def compute(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[np.ndarray]:
    """Features of `rows` in eval mode, fp32 [rows, dim]."""
    body = replace(whole_model(model, tokens, truncation, precision), network=Body(model))
    return (yield from body.predict(rows, "features")).numpy()


def _cache_name(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> str:
    """A name that changes with everything the features are computed from."""
    settings = (FORMAT, model.spec.heads, truncation, tokens.labels.device.type, precision)
    digest = hashlib.sha256(repr(settings).encode())
    weights = model.state_dict().items()
    body = [weight for name, weight in weights if not name.startswith("classifier")]
    for tensor in (*body, tokens.ids, tokens.offsets, rows):
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return f"features-{digest.hexdigest()[:32]}"
