"""Loading and saving what a checkpoint's folder holds: weights, word vectors and vocabulary."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore import validation
from ftcore.errors import UnfreezeError, panics_as_memory_errors
from ftcore.models import checkpoints
from ftcore.models.checkpoints import WEIGHTS, WORDS, Checkpoint, checkpoint_error, find
from ftcore.storage import files
from ftcore.text.tokenizers import Tokenizer
from ftcore.text.truncation import Truncation

if TYPE_CHECKING:  # a page lists checkpoints before torch is imported
    from torch import Tensor

    from ftcore.models.classifier import TextClassifier
    from ftcore.text.vocabulary import Vocab


def load_vocabulary(checkpoint: Checkpoint) -> "Vocab":
    """Return the vocabulary of a model. Raises UnfreezeError if it does not fit the weights."""
    from ftcore.text.vocabulary import vocab_from_tokens

    owner = _words_owner(checkpoint)
    try:
        words = validation.read_json(owner.path / checkpoints.VOCABULARY)
    except (OSError, ValueError):
        raise checkpoint_error(owner, "its vocabulary cannot be read") from None
    valid = validation.has_type(words, list[str]) and len(words) == checkpoint.model.vocab_size
    if not valid or fingerprint(words) != checkpoint.words_fingerprint:
        raise checkpoint_error(checkpoint, "its vocabulary and its weights disagree")
    return vocab_from_tokens(words)


def load_model(
    checkpoint: Checkpoint, dropout: float = 0.0, word_dropout: float = 0.0, beside: bool = False
) -> "TextClassifier":
    """Return the model, on the CPU, in eval mode. Raises UnfreezeError if files do not fit.

    With `beside`, no random numbers are drawn, so that a run in another thread is not disturbed.
    """
    from ftcore.models.classifier import TextClassifier, unfilled, weight_faults

    owner = _words_owner(checkpoint)
    weights = _read_tensors(owner, WORDS) | _read_tensors(checkpoint, WEIGHTS)
    if faults := weight_faults(checkpoint.model, weights):
        raise checkpoint_error(checkpoint, validation.printable(", ".join(faults)))
    create = unfilled if beside else TextClassifier
    model = create(checkpoint.model, dropout=dropout, word_dropout=word_dropout)
    model.load_state_dict(weights)
    return model.eval()


@panics_as_memory_errors()
def save(
    model: "TextClassifier",
    path: Path,
    *,
    ref: str,
    title: str,
    labels: tuple[str, ...],
    vocabulary: list[str],
    truncation: Truncation,
    tokenizer: Tokenizer,
    dataset: str,
    parent: Checkpoint | None = None,
    metrics: dict[str, float] | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Write a model to the folder `path`; a reader sees either all old files or all new ones.

    Word vectors are not written if they equal those of `parent`.
    """
    from safetensors.torch import save as serialize

    contents: dict[str, bytes] = {}
    tensors = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    vectors = tensors.pop("embedding.weight")
    words = ref
    if parent and (not model.embedding.weight.requires_grad or _has_vectors(parent, vectors)):
        words = parent.words
    else:
        contents[checkpoints.VOCABULARY] = json.dumps(vocabulary, ensure_ascii=False).encode()
        contents[WORDS] = serialize({"embedding.weight": _compact(vectors)})
    contents[WEIGHTS] = serialize({name: tensor.contiguous() for name, tensor in tensors.items()})
    config = {
        "format": checkpoints.FORMAT,
        "title": title,
        "labels": labels,
        "model": asdict(model.spec),
        "max_length": truncation.length,
        "tail": truncation.tail,
        "tokenizer": tokenizer.name,
        "dataset": dataset,
        "words": words,
        "words_fingerprint": fingerprint(vocabulary),
        "parent": parent.ref if parent else "",
        "metrics": metrics or {},
        "origin": origin or {},
    }
    contents[checkpoints.CONFIG] = json.dumps(config, indent=1).encode()
    files.write_all(path, contents)


def fingerprint(words: list[str]) -> str:
    """Return a hash of a vocabulary and its order, 16 hex digits."""
    return hashlib.sha256("\n".join(map(str, words)).encode("utf-8", "replace")).hexdigest()[:16]


def _words_owner(checkpoint: Checkpoint) -> Checkpoint:
    return checkpoint if checkpoint.words == checkpoint.ref else find(checkpoint.words)


@panics_as_memory_errors()
def _read_tensors(checkpoint: Checkpoint, name: str) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        validation.refuse_special_files(checkpoint.path / name)
        return load_file(checkpoint.path / name)
    except (OSError, SafetensorError):
        raise checkpoint_error(checkpoint, f"{name} is missing or cut short") from None


def _has_vectors(checkpoint: Checkpoint, vectors: "Tensor") -> bool:
    """Whether a checkpoint's word vectors equal `vectors`; False if it was deleted meanwhile."""
    try:
        stored = _read_tensors(_words_owner(checkpoint), WORDS)["embedding.weight"]
    except UnfreezeError:
        return False
    return stored.float().equal(vectors)


def _compact(vectors: "Tensor") -> "Tensor":
    half = vectors.half()
    return half if half.float().equal(vectors) else vectors
