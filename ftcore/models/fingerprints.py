"""Hashes of a model's parts, 16 hex digits: equal values have the same hash, however they are stored."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a page lists checkpoints before torch is imported
    from torch import Tensor

    from ftcore.models.classifier import Classifier

EMBEDDING = "embedding.weight"
"""The word vectors of the lesson's model."""
_EMBEDDINGS = (EMBEDDING, "word_embeddings.weight", "tok_embeddings.weight")


def embedding_name(weights: Mapping[str, object]) -> str:
    """The name of the token vectors among a model's weights."""
    return next(name for name in weights if name.endswith(_EMBEDDINGS))


def of_weights(
    weights: Mapping[str, "Tensor"], heads: int, known: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The hash of all weights but the token vectors, and of the attention heads, which no weight shows.

    known: the hashes of some of the weights, so that they are not computed.
    """
    digest = hashlib.sha256(f"{heads} heads".encode())
    for name in sorted(weights.keys() - {embedding_name(weights)}):
        digest.update(f"{name} {known.get(name) or of_values(weights[name])} ".encode())
    return digest.hexdigest()[:16]


def of_vectors(
    weights: Mapping[str, "Tensor"], known: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The hash of the token vectors; known: as in `of_weights`."""
    name = embedding_name(weights)
    return known.get(name) or of_values(weights[name])


def of_values(tensor: "Tensor") -> str:
    """The hash of a tensor's shape and values in fp32. Three million take 11 ms."""
    digest = hashlib.sha256(repr(tuple(tensor.shape)).encode())
    digest.update(tensor.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()[:16]


def of_model(model: "Classifier") -> tuple[str, str]:
    """The hashes of a model's weights and of its token vectors."""
    weights = model.weights()
    return of_weights(weights, model.spec.heads), of_vectors(weights)
