"""Loading, saving and exporting what a checkpoint's folder holds: weights, word vectors and vocabulary."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore import validation
from ftcore.errors import UnfreezeError, panics_as_memory_errors
from ftcore.models import checkpoints, fingerprints
from ftcore.models.checkpoints import (
    CONFIG,
    FORMAT,
    VOCABULARY,
    WEIGHTS,
    WORDS,
    Checkpoint,
    checkpoint_error,
    words_changed,
    words_owner,
)
from ftcore.models.fingerprints import EMBEDDING
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

    owner = words_owner(checkpoint)
    try:
        words = validation.read_json(owner.path / VOCABULARY)
    except (OSError, ValueError):
        raise checkpoint_error(owner, f"{VOCABULARY} cannot be read; bring it back") from None
    valid = validation.has_type(words, list[str]) and len(words) == checkpoint.model.vocab_size
    if not valid or fingerprints.of_words(words) != checkpoint.words_fingerprint:
        raise checkpoint_error(owner, _not_saved_with_it(VOCABULARY))
    return vocab_from_tokens(words)


def load_model(
    checkpoint: Checkpoint, dropout: float = 0.0, word_dropout: float = 0.0, beside: bool = False
) -> "TextClassifier":
    """Return the model, on the CPU, in eval mode.

    If a run has saved other weights since `checkpoint` was read, the model is that of the newer ones. With
    `beside`, no random numbers are drawn, so that a run in another thread is not disturbed. Raises
    UnfreezeError if files do not fit, or are not those that the checkpoint was made with.
    """
    from ftcore.models.classifier import TextClassifier, unfilled

    weights, fault = _read_weights(checkpoint)
    if fault:
        current = checkpoints.find(checkpoint.ref)  # finishes what a run has begun to write
        if current == checkpoint:
            raise checkpoint_error(checkpoint, fault)
        return load_model(current, dropout, word_dropout, beside)
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
    """Write a model to the folder `path`: all files or none.

    Word vectors are not written if they are those of `parent`, which it will keep.
    """
    from safetensors.torch import save as serialize

    contents: dict[str, bytes] = {}
    tensors = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    weights_fingerprint, vectors_fingerprint = fingerprints.of_model(model)
    vectors = tensors.pop(EMBEDDING)
    words = ref
    if parent and _keeps_vectors(parent, vectors):
        words = parent.words
    else:
        contents[VOCABULARY] = json.dumps(vocabulary, ensure_ascii=False).encode()
        contents[WORDS] = serialize({EMBEDDING: _compact(vectors)})
    contents[WEIGHTS] = serialize({name: tensor.contiguous() for name, tensor in tensors.items()})
    config = {
        "format": FORMAT,
        "title": title,
        "labels": labels,
        "model": asdict(model.spec),
        "max_length": truncation.length,
        "tail": truncation.tail,
        "tokenizer": tokenizer.name,
        "dataset": dataset,
        "words": words,
        "words_fingerprint": fingerprints.of_words(vocabulary),
        "vectors_fingerprint": vectors_fingerprint,
        "weights_fingerprint": weights_fingerprint,
        "parent": parent.ref if parent else "",
        "metrics": metrics or {},
        "origin": origin or {},
    }
    contents[CONFIG] = checkpoints.encode_config(config)
    files.write_all(path, contents)


def export(checkpoint: Checkpoint, target: Path, title: str = "") -> None:
    """Copy a checkpoint to a new folder, whose name becomes its ref.

    The copy holds the word vectors unless a bundled checkpoint does, which every home has. Raises
    UnfreezeError if the folder exists, or the checkpoint cannot be used.
    """
    load_vocabulary(checkpoint)
    weights, vectors = fingerprints.of_model(load_model(checkpoint, beside=True))
    owner = words_owner(checkpoint)
    with files.new_folder(target) as staging:
        shutil.copytree(
            checkpoint.path, staging, ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True
        )
        config = json.loads((staging / CONFIG).read_text("utf-8"))
        config = {"vectors_fingerprint": vectors, "weights_fingerprint": weights} | config
        config |= {"format": FORMAT, "title": title or config["title"]}
        if owner.kind != "bundled" or owner.ref == checkpoint.ref:
            for file in (WORDS, VOCABULARY):
                shutil.copy(owner.path / file, staging)
            config["words"] = target.name
        files.write(staging / CONFIG, checkpoints.encode_config(config))


def _read_weights(checkpoint: Checkpoint) -> "tuple[dict[str, Tensor], str]":
    """All weights of a checkpoint, and why they are not those it was made with, "" if they are.

    Raises UnfreezeError if they do not fit its sizes.
    """
    from ftcore.models.classifier import weight_faults

    owner = words_owner(checkpoint)
    weights = _read_tensors(owner, WORDS) | _read_tensors(checkpoint, WEIGHTS)
    if faults := weight_faults(checkpoint.model, weights):
        raise checkpoint_error(checkpoint, validation.printable(", ".join(faults)))
    found = fingerprints.of_weights(weights, checkpoint.model.heads)
    if checkpoint.weights_fingerprint not in ("", found):
        return weights, _not_saved_with_it(WEIGHTS)
    if checkpoint.vectors_fingerprint in ("", fingerprints.of_values(weights[EMBEDDING])):
        return weights, ""
    if owner.ref == checkpoint.ref:
        return weights, _not_saved_with_it(WORDS)
    return weights, words_changed(owner)


def _not_saved_with_it(file: str) -> str:
    return f"{file} is not the file that was saved with it; bring that file back"


@panics_as_memory_errors()
def _read_tensors(checkpoint: Checkpoint, name: str) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        validation.refuse_special_files(checkpoint.path / name)
        return load_file(checkpoint.path / name)
    except (OSError, SafetensorError):
        fault = f"{name} is missing or cut short; bring it back"
        raise checkpoint_error(checkpoint, fault) from None


def _keeps_vectors(parent: Checkpoint, vectors: "Tensor") -> bool:
    """Whether `vectors` are those of a checkpoint, and will be: a run may be resumed and change them."""
    try:
        owner = words_owner(parent)
        if owner.kind == "run":
            return False
        return _read_tensors(owner, WORDS)[EMBEDDING].float().equal(vectors)
    except UnfreezeError:  # it was deleted meanwhile
        return False


def _compact(vectors: "Tensor") -> "Tensor":
    half = vectors.half()
    return half if half.float().equal(vectors) else vectors
