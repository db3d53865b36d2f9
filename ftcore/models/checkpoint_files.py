"""Loading, saving and exporting what a checkpoint's folder holds: weights, word vectors and vocabulary."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore import validation
from ftcore.errors import UnfreezeError, panics_as_memory_errors
from ftcore.models import checkpoints, fingerprints
from ftcore.models.checkpoints import (
    CONFIG,
    FORMAT,
    FORMAT_OF_SEVERAL,
    PIECES,
    VOCABULARY,
    WEIGHTS,
    WORDS,
    Checkpoint,
    checkpoint_error,
    words_changed,
    words_owner,
)
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.fingerprints import EMBEDDING
from ftcore.storage import files
from ftcore.text import word_rules
from ftcore.text.truncation import Truncation

HEAD = "classifier."  # prefix of a head's weights

if TYPE_CHECKING:  # a page lists checkpoints before torch is imported
    from torch import Tensor

    from ftcore.models.classifier import Classifier
    from ftcore.text.tokenizer import Tokenizer


def load_tokenizer(checkpoint: Checkpoint) -> "Tokenizer":
    """Return the tokenizer of a model. Raises UnfreezeError if it does not fit the weights."""
    from ftcore.text.words import WordTokenizer

    owner = words_owner(checkpoint)
    file = PIECES if isinstance(checkpoint.model, EncoderSpec) else VOCABULARY
    try:
        if isinstance(checkpoint.model, EncoderSpec):
            from ftcore.text.subwords import SubwordTokenizer

            validation.refuse_special_files(owner.path / PIECES)
            definition = (owner.path / PIECES).read_text("utf-8")
            tokenizer: Tokenizer = SubwordTokenizer(definition, checkpoint.model.pad)
        else:
            words = validation.read_json(owner.path / VOCABULARY)
            if not validation.has_type(words, list[str]):
                raise ValueError(VOCABULARY)
            tokenizer = WordTokenizer(word_rules.find(checkpoint.tokenizer), words)
    except (OSError, ValueError):
        raise checkpoint_error(owner, f"{file} cannot be read; bring it back") from None
    fits = len(tokenizer) <= checkpoint.model.vocab_size
    if not fits or tokenizer.fingerprint != checkpoint.words_fingerprint:
        raise checkpoint_error(owner, _not_saved_with_it(file))
    return tokenizer


def load_model(
    checkpoint: Checkpoint, dropout: float = 0.0, word_dropout: float = 0.0, beside: bool = False
) -> "Classifier":
    """Return the model, on the CPU, in eval mode.

    If a run has saved other weights since `checkpoint` was read, the model is that of the newer ones. With
    `beside`, no random numbers are drawn, so that a run in another thread is not disturbed. Raises
    UnfreezeError if files do not fit, or are not those that the checkpoint was made with.
    """
    from ftcore.models import creation

    weights, fault = _read_weights(checkpoint)
    if fault:
        if checkpoint.kind != "run":
            raise checkpoint_error(checkpoint, fault)
        current = checkpoints.find(checkpoint.ref)  # finishes what the run has begun to write
        if current == checkpoint:
            raise checkpoint_error(checkpoint, fault)
        return load_model(current, dropout, word_dropout, beside)
    create = creation.unfilled if beside else creation.create
    model = create(checkpoint.model, dropout=dropout, word_dropout=word_dropout)
    model.load_state_dict(weights, strict=False)  # only a head may be missing
    return model.eval()


@panics_as_memory_errors()
def save(
    model: "Classifier",
    path: Path,
    *,
    ref: str,
    title: str,
    labels: tuple[str, ...],
    thresholds: tuple[float, ...] = (),
    truncation: Truncation,
    tokenizer: "Tokenizer",
    dataset: str,
    parent: Checkpoint | None = None,
    metrics: dict[str, float] | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Write a model to the folder `path`: all files or none.

    Word vectors and an encoder's weights are not written if they are those of `parent`, which it will keep.
    """
    from ftcore.models import tensor_files

    tensors = {name: weight.detach().cpu() for name, weight in model.weights().items()}
    shared = _shared(parent, tensors) if parent else {}
    weights_fingerprint = fingerprints.of_weights(tensors, model.spec.heads, shared)
    vectors_fingerprint = fingerprints.of_vectors(tensors, shared)
    contents: dict[str, bytes | Sequence[bytes | memoryview]] = {}
    words = ref
    if parent and shared:
        words = parent.words
    else:
        contents |= tokenizer.files()
        if EMBEDDING in tensors:
            contents[WORDS] = tensor_files.encode({EMBEDDING: _compact(tensors[EMBEDDING])})
    own = {name: tensor for name, tensor in tensors.items() if name not in {*shared, EMBEDDING}}
    contents[WEIGHTS] = tensor_files.encode(own)
    config = {
        "format": FORMAT,
        "title": title,
        "labels": labels,
        "model": model.spec.to_dict(),
        "max_length": truncation.length,
        "tail": truncation.tail,
        "tokenizer": tokenizer.name,
        "dataset": dataset,
        "words": words,
        "words_fingerprint": tokenizer.fingerprint,
        "vectors_fingerprint": vectors_fingerprint,
        "weights_fingerprint": weights_fingerprint,
        "parent": parent.ref if parent else "",
        "metrics": metrics or {},
        "origin": origin or {},
    }
    if thresholds:
        config |= {"format": FORMAT_OF_SEVERAL, "thresholds": thresholds}
    contents[CONFIG] = checkpoints.encode_config(config)
    files.write_all(path, contents)


def export(checkpoint: Checkpoint, target: Path, title: str = "") -> None:
    """Copy a checkpoint to a new folder, whose name becomes its ref.

    The copy holds the word vectors unless a bundled checkpoint does, which every home has. Raises
    UnfreezeError if the folder exists, or the checkpoint cannot be used.
    """
    from ftcore.models import tensor_files

    load_tokenizer(checkpoint)
    model = load_model(checkpoint, beside=True)
    weights, vectors = fingerprints.of_model(model)
    owner = words_owner(checkpoint)
    with files.new_folder(target) as staging:
        shutil.copytree(
            checkpoint.path, staging, ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True
        )
        config = json.loads((staging / CONFIG).read_text("utf-8"))
        config = {"vectors_fingerprint": vectors, "weights_fingerprint": weights} | config
        config |= {"format": max(FORMAT, config["format"]), "title": title or config["title"]}
        if owner.kind != "bundled" or owner.ref == checkpoint.ref:
            if isinstance(checkpoint.model, EncoderSpec):
                shutil.copy(owner.path / PIECES, staging)
                files.write(staging / WEIGHTS, *tensor_files.encode(model.weights()))
            else:
                for file in (WORDS, VOCABULARY):
                    shutil.copy(owner.path / file, staging)
            config["words"] = target.name
        files.write(staging / CONFIG, checkpoints.encode_config(config))


def _read_weights(checkpoint: Checkpoint) -> "tuple[dict[str, Tensor], str]":
    """All weights of a checkpoint, and why they are not those it was made with, "" if they are.

    Raises UnfreezeError if they do not fit its sizes.
    """
    from ftcore.models.creation import weight_faults

    owner = words_owner(checkpoint)
    weights = _shared_weights(owner) | _read_tensors(checkpoint, WEIGHTS)
    if faults := weight_faults(checkpoint.model, weights):
        raise checkpoint_error(checkpoint, validation.printable(", ".join(faults)))
    found = fingerprints.of_weights(weights, checkpoint.model.heads)
    vectors = fingerprints.of_vectors(weights)
    other_weights = checkpoint.weights_fingerprint not in ("", found)
    other_vectors = checkpoint.vectors_fingerprint not in ("", vectors)
    if not (other_weights or other_vectors):
        return weights, ""
    encoder = isinstance(checkpoint.model, EncoderSpec)
    if owner.ref != checkpoint.ref and (encoder or not other_weights):
        return weights, words_changed(owner)
    return weights, _not_saved_with_it(WEIGHTS if other_weights or encoder else WORDS)


def _not_saved_with_it(file: str) -> str:
    return f"{file} is not the file that was saved with it; bring that file back"


def _shared_file(owner: Checkpoint) -> Path:
    return owner.path / (WEIGHTS if isinstance(owner.model, EncoderSpec) else WORDS)


def _shared_weights(owner: Checkpoint) -> "dict[str, Tensor]":
    """The weights that checkpoints take from their `words`: word vectors, or an encoder's body."""
    weights = _read_tensors(owner, _shared_file(owner).name)
    return {name: weight for name, weight in weights.items() if not name.startswith(HEAD)}


def _shared(parent: Checkpoint, weights: "Mapping[str, Tensor]") -> dict[str, str]:
    """The weights that a checkpoint takes from its parent's `words`, which will keep them: names and hashes.

    A run's are not taken: it may be resumed and change them.
    """
    try:
        owner = words_owner(parent)
        if owner.kind == "run":
            return {}
        stored, file = _shared_weights(owner), _shared_file(owner)
        hashes = _hashes(file, file.stat().st_mtime_ns)
    except (UnfreezeError, OSError):  # it was deleted meanwhile
        return {}
    same = {name for name, weight in stored.items() if weight.float().equal(weights[name])}
    return {name: hashes[name] for name in same}


@lru_cache(4)
def _hashes(file: Path, changed: int) -> dict[str, str]:
    """The hashes of the weights in a file, kept: a run of the head alone saves the same body many times.

    changed: when the file was, in ns.
    """
    from safetensors.torch import load_file

    return {name: fingerprints.of_values(weight) for name, weight in load_file(file).items()}


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


def _compact(vectors: "Tensor") -> "Tensor":
    half = vectors.half()
    return half if half.float().equal(vectors) else vectors
