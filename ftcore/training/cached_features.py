"""Features of texts from a frozen body: computed once, cached on disk, shared by runs."""

import hashlib
import time
from collections.abc import Iterable
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
FORMAT = 4  # of cached features; raise it if the body computes something else from the same weights


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

    They are cached text by text, in an entry for the body and the texts that it read: a run computes those of
    its texts that no run has had before, also among other texts, as in another version of the data.
    """
    name, wanted = _cache_name(model, tokens, truncation, precision), rows.cpu().numpy()
    own = distributed.from_first(_load(name, model.spec.dim))
    missing, stored = np.setdiff1d(wanted, own["rows"], assume_unique=True), own
    if len(missing):
        others = _among_other_texts(name, tokens, missing, model.spec.dim)
        stored = _joined(own, distributed.from_first(others))
        missing = np.setdiff1d(missing, stored["rows"], assume_unique=True)
    if len(missing):
        rows = torch.from_numpy(missing)
        new = yield from _computed(model, tokens, rows, truncation, precision)
        stored = _joined(stored, new)
        if distributed.is_first():
            cache.store(name, _joined(own, new))
    places = np.searchsorted(stored["rows"], wanted)
    seconds = stored["seconds"][places].astype(float)
    kept = seconds[~np.isin(wanted, missing, assume_unique=True)].sum()
    metrics = {
        "features_seconds": float(seconds.sum()),
        "features_kept": float(kept / seconds.sum()) if len(missing) else 1.0,
    }
    return stored["vectors"][places], metrics


def _load(name: str, dim: int) -> dict[str, np.ndarray]:
    """The arrays of a cache entry, those without a text if there is none."""
    stored, nothing = cache.load(name), _nothing(dim)
    is_whole = stored.keys() == nothing.keys() and all(
        len(array) == len(stored["rows"]) for array in stored.values()
    )
    return stored if is_whole else nothing


def _nothing(dim: int) -> dict[str, np.ndarray]:
    """The arrays of a cache entry without a text.

    `rows` ascend; `keys` are equal for texts of the same tokens; `seconds` are what each of them took.
    """
    return {
        "rows": np.zeros(0, np.int64),
        "keys": np.zeros(0, np.uint64),
        "vectors": np.zeros((0, dim), np.float32),
        "seconds": np.zeros(0, np.float32),
    }


def _joined(stored: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An entry with the texts of both, which share none."""
    if not len(stored["rows"]):
        return new
    order = np.argsort(np.concatenate([stored["rows"], new["rows"]]), kind="stable")
    return {key: np.concatenate([stored[key], new[key]])[order] for key in new}


def _among_other_texts(
    name: str, tokens: Tokens, missing: np.ndarray, dim: int
) -> dict[str, np.ndarray]:
    """What other entries of the same body have of the rows that an entry lacks."""
    keys, found = _keys(tokens, missing), _nothing(dim)
    for other in cache.names(name.rpartition("-")[0]):
        if other == name or not len(missing):
            continue
        entry = _load(other, dim)
        _, here, there = np.intersect1d(keys, entry["keys"], return_indices=True)
        order = np.argsort(here)
        here, there = here[order], there[order]
        of_here = {key: array[there] for key, array in entry.items()} | {"rows": missing[here]}
        found = _joined(found, of_here)
        missing, keys = np.delete(missing, here), np.delete(keys, here)
    return found


def _keys(tokens: Tokens, rows: np.ndarray) -> np.ndarray:
    """A number for each text, uint64 [rows], the same for the same tokens."""
    ids, offsets = tokens.ids.cpu().numpy(), tokens.offsets.cpu().numpy()
    digests = (
        hashlib.blake2b(ids[offsets[row] : offsets[row + 1]].data, digest_size=8).digest()
        for row in rows.tolist()
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def _computed(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[dict[str, np.ndarray]]:
    """An entry of texts whose features are computed now; their seconds are shared out by length."""
    clock = time.perf_counter()
    features = yield from compute(model, tokens, rows, truncation, precision)
    lengths = tokens.lengths(truncation).cpu()[rows].numpy()
    seconds = ((time.perf_counter() - clock) * lengths / lengths.sum()).astype(np.float32)
    places = rows.numpy()
    return {
        "rows": places,
        "keys": _keys(tokens, places),
        "vectors": features,
        "seconds": seconds,
    }


def compute(
    model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation, precision: str
) -> Task[np.ndarray]:
    """Features of `rows` in eval mode, fp32 [rows, dim]."""
    body = replace(whole_model(model, tokens, truncation, precision), network=Body(model))
    return (yield from body.predict(rows, "features")).numpy()


def _cache_name(model: Classifier, tokens: Tokens, truncation: Truncation, precision: str) -> str:
    """A name that changes with everything the features are computed from: the body, then the texts."""
    sizes = model.spec.with_classes(
        1
    )  # also what a head reads of a text: its mean or its first token
    settings = (FORMAT, sizes, truncation, tokens.labels.device.type, precision)
    weights = model.state_dict().items()
    body = [weight for name, weight in weights if not name.startswith("classifier")]
    return f"features-{_digest(repr(settings), body)}-{_digest('', (tokens.ids, tokens.offsets))}"


def _digest(settings: str, tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256(settings.encode())
    for tensor in tensors:
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:32]
