"""Hashes of a model's parts, 16 hex digits: equal values have the same hash, however they are stored."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a page lists checkpoints before torch is imported
    from torch import Tensor

    from ftcore.models.classifier import TextClassifier

EMBEDDING = "embedding.weight"


def of_words(words: Sequence[str]) -> str:
    """The hash of a vocabulary and its order."""
    return hashlib.sha256("\n".join(map(str, words)).encode("utf-8", "replace")).hexdigest()[:16]


def of_weights(weights: Mapping[str, "Tensor"], heads: int) -> str:
    """The hash of all weights but the word vectors, and of the attention heads, which no weight shows."""
    digest = hashlib.sha256(f"{heads} heads".encode())
    for name in sorted(weights.keys() - {EMBEDDING}):
        digest.update(f"{name} {of_values(weights[name])} ".encode())
    return digest.hexdigest()[:16]


def of_values(tensor: "Tensor") -> str:
    """The hash of a tensor's shape and values in fp32. Three million take 11 ms."""
    digest = hashlib.sha256(repr(tuple(tensor.shape)).encode())
    digest.update(tensor.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()[:16]


def of_model(model: "TextClassifier") -> tuple[str, str]:
    """The hashes of a model's weights and of its word vectors."""
    weights = model.state_dict()
    return of_weights(weights, model.spec.heads), of_values(weights[EMBEDDING])
