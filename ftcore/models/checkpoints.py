"""The checkpoints there are: folders with weights, words, labels and their origin.

    config.json             sizes, labels, parent, data, metrics (see `Checkpoint`)
    weights.safetensors     everything but the word vectors
    words.safetensors       the word vectors, in half precision if that changes no value
    vocabulary.json         the words, in the order of their vectors
    tokenizer.json          of an encoder, in place of the two files of words
    calibration.json        temperature and thresholds of sets (see `calibration`), optional
    README.md               the model card, optional

A fine-tuned model whose word vectors did not train has no words of its own: `words` in config.json is the
ref of the checkpoint that holds them. In the same way a fine-tuned encoder has no tokenizer and no weights
that are those of its `words`. config.json also has fingerprints of the weights and the word vectors,
which `checkpoint_files` compares with what it loads, and a checksum of itself.
"""

import contextlib
import functools
import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ftcore import paths, validation
from ftcore.data.text_dataset import DatasetSpec, TextDataset
from ftcore.errors import UnfreezeError
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.spec import LessonSpec, ModelSpec
from ftcore.storage import files, shared_runs
from ftcore.text import word_rules
from ftcore.text.truncation import MAX_LENGTH, Truncation

FORMAT = 3  # format 1 had no `tail`; formats 1 and 2 no `tokenizer`, fingerprints and checksum
FORMAT_OF_SEVERAL = 4  # has `thresholds`; others stay at 3, so that earlier versions open them
CONFIG, VOCABULARY, CARD = "config.json", "vocabulary.json", "README.md"
WEIGHTS, WORDS, PIECES = "weights.safetensors", "words.safetensors", "tokenizer.json"
CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class Checkpoint:
    """Everything about a checkpoint that is known without loading its weights."""

    ref: str
    path: Path
    kind: Literal["bundled", "imported", "run"]
    title: str
    labels: tuple[str, ...]
    model: ModelSpec
    max_length: int
    dataset: str
    words: str  # the ref of the checkpoint that holds the vocabulary and the word vectors
    words_fingerprint: str
    vectors_fingerprint: str = (
        ""  # of the word vectors, also of another checkpoint's; "" if unknown
    )
    weights_fingerprint: str = ""  # of all other weights; "" if unknown
    thresholds: tuple[float, ...] = ()  # of each label where a text may have several; else none
    tail: float = 0.0  # fraction of max_length read from the end of a longer text
    tokenizer: str = word_rules.EARLIER.name
    parent: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def answers(self, dataset: TextDataset | DatasetSpec) -> bool:
        """Whether the last layer is for the task of a dataset: its classes, one or several a text."""
        return self.labels == dataset.labels and bool(self.thresholds) == dataset.multi_label

    @property
    def truncation(self) -> Truncation:
        """Which tokens of a text the model reads."""
        return Truncation(self.max_length, self.tail)

    @property
    def bytes(self) -> int:
        """Size on disk; what is deleted meanwhile does not count."""
        try:
            entries = list(self.path.iterdir())
        except OSError:
            return 0
        return sum(map(_size, entries))

    @property
    def card(self) -> str:
        """The model card, Markdown; empty if there is none."""
        try:
            validation.refuse_special_files(self.path / CARD)
            return (self.path / CARD).read_text("utf-8", errors="replace")
        except (OSError, UnfreezeError):
            return ""

    @property
    def version(self) -> str:
        """Changes with every file that the model's answers depend on."""
        try:
            owner = words_owner(self)
        except UnfreezeError:
            owner = self
        own = (self.path / name for name in (CONFIG, WEIGHTS, CALIBRATION))
        shared = (owner.path / name for name in (WEIGHTS, WORDS, VOCABULARY, PIECES))
        return " ".join(_stamp(file) for file in (*own, *shared))


def list_checkpoints() -> list[Checkpoint]:
    """Return all usable checkpoints: bundled ones, imported ones, then those of runs, newest first."""
    checkpoints = []
    for kind, path in _folders():
        try:
            checkpoints.append(_read(kind, path))
        except UnfreezeError:  # a broken folder does not hide the others; `find` reports it
            continue
    return checkpoints


def find(ref: str) -> Checkpoint:
    """Return the checkpoint of a name or a run id. Raises UnfreezeError."""
    shared_runs.bring(ref)
    for kind, path in _folders():
        if _ref(kind, path) == ref:
            return _read(kind, path)
    named = [validation.printable(path.name) for kind, path in _folders() if kind != "run"]
    raise UnfreezeError(
        f"There is no checkpoint {validation.printable(ref)!r}; "
        f"{validation.choose_from(ref, named)[:-1]}, or the id of a run that saved its model."
    )


def read(path: Path) -> Checkpoint:
    """Return the checkpoint in a folder that need not be among those listed. Raises UnfreezeError."""
    return _read("imported", path)


def words_owner(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint that holds the vocabulary and the word vectors. Raises UnfreezeError."""
    if checkpoint.words == checkpoint.ref:
        return checkpoint
    for kind, path in _folders():
        if _ref(kind, path) == checkpoint.words:
            owner, earlier = _read(kind, path), _earlier_words(checkpoint)
            replaced = kind == "bundled" and owner.words_fingerprint != checkpoint.words_fingerprint
            if replaced and earlier.is_dir():
                return replace(owner, path=earlier)
            same_words = owner.words_fingerprint == checkpoint.words_fingerprint
            if owner.words != owner.ref or not same_words:
                raise checkpoint_error(checkpoint, words_changed(owner))
            return owner
    name = validation.printable(checkpoint.words)
    raise checkpoint_error(
        checkpoint, f"its word vectors are those of {name!r}, which is not here; bring it back"
    )


def words_changed(owner: Checkpoint) -> str:
    """What is wrong with a checkpoint whose word vectors or weights `owner` had, and has no more."""
    what = "weights" if isinstance(owner.model, EncoderSpec) else "word vectors"
    return (
        f"the {what} of {owner.ref!r} changed since it was made; bring back the earlier "
        f"{owner.ref!r} under that name, or train again"
    )


def _earlier_words(checkpoint: Checkpoint) -> Path:
    """Where the words and vectors of an earlier version's bundled checkpoint lie, if it was that one's."""
    return paths.BUNDLED_CHECKPOINTS / "earlier-words" / checkpoint.words_fingerprint


def update(path: Path, title: str = "", metrics: dict[str, float] | None = None) -> None:
    """Change the title of the checkpoint in a folder, or add metrics."""
    config = json.loads((path / CONFIG).read_text("utf-8"))
    config["title"] = title or config["title"]
    config["metrics"] |= metrics or {}
    files.write(path / CONFIG, encode_config(config))


def encode_config(config: dict[str, Any]) -> bytes:
    """Return the content of config.json, with its checksum."""
    if config["format"] >= 3:
        config = config | {"checksum": checksum(config)}
    return json.dumps(config, indent=1).encode()


def checksum(config: dict[str, Any]) -> str:
    """Return a hash of all values but the checksum itself."""
    others = {name: value for name, value in config.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:16]


def new_path(name: str) -> Path:
    """Return the folder of a new checkpoint. Raises UnfreezeError if the name is invalid or taken."""
    if not re.fullmatch(r"\w[\w .-]{0,59}", name) or name != name.strip():
        raise UnfreezeError(
            f"{validation.printable(name)!r} cannot name a checkpoint: use letters, digits and dots."
        )
    if is_taken(name):
        raise UnfreezeError(f"There is a checkpoint {name!r} already: choose another name.")
    return paths.checkpoints_dir() / name


def free_name(wanted: str) -> str:
    """Return a name for a checkpoint that is not taken, made of another text."""
    wanted = re.sub(r"[^\w.-]+", "-", wanted).strip("-.")[:50] or "checkpoint"
    candidates = itertools.chain([wanted], (f"{wanted}-{number}" for number in itertools.count(2)))
    return next(name for name in candidates if not is_taken(name))


def is_taken(name: str) -> bool:
    """Whether a checkpoint or a run has this name."""
    folders = (paths.BUNDLED_CHECKPOINTS, paths.checkpoints_dir(), paths.runs_dir())
    return any((folder / name).exists() for folder in folders)


def run_path(run_id: str) -> Path:
    """Return the folder of a run's checkpoint, among MLflow's artifacts."""
    return paths.runs_dir() / run_id / "artifacts" / "checkpoint"


def _folders() -> Iterator[tuple[Literal["bundled", "imported", "run"], Path]]:
    for file in sorted(paths.BUNDLED_CHECKPOINTS.glob(f"*/{CONFIG}"), reverse=True):
        yield "bundled", file.parent
    for file in sorted(paths.checkpoints_dir().glob(f"[!.]*/{CONFIG}")):
        yield "imported", file.parent
    saved = []
    for folder in _saved_folders():
        files.recover(folder)  # a process may have been killed while saving
        with contextlib.suppress(OSError):  # it is being saved, or gone
            saved.append(((folder / CONFIG).stat().st_mtime, folder))
    for _, folder in sorted(saved, reverse=True):
        yield "run", folder


def _saved_folders() -> list[Path]:
    """The folders of runs' checkpoints; by names, as `glob` and paths take 20 ms for a thousand runs."""
    try:
        names = os.listdir(runs := str(paths.runs_dir()))
    except OSError:  # there is no run yet
        return []
    # A run that is being imported has a dot before its name.
    folders = (
        os.path.join(runs, name, "artifacts", "checkpoint") for name in names if name[0] != "."
    )
    return [Path(folder) for folder in folders if os.path.isdir(folder)]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:  # it is gone
        return 0


def _stamp(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:  # it is gone
        return ""
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def _ref(kind: str, path: Path) -> str:
    return path.parent.parent.name if kind == "run" else path.name


def _read(kind: Literal["bundled", "imported", "run"], path: Path) -> Checkpoint:
    return _read_once(kind, path, _stamp(path / CONFIG))


@functools.lru_cache(maxsize=4096)
def _read_once(kind: Literal["bundled", "imported", "run"], path: Path, stamp: str) -> Checkpoint:
    ref = _ref(kind, path)
    try:
        config = validation.read_json(path / CONFIG)
        version = config.pop("format")
        if version > FORMAT_OF_SEVERAL:
            raise UnfreezeError(f"A newer Unfreeze wrote the checkpoint {ref}; update to open it.")
        intact = config.pop("checksum", None) in (None, checksum(config | {"format": version}))
        config["model"] = _read_spec(config["model"])
        config["labels"] = tuple(config["labels"])
        config["thresholds"] = tuple(config.get("thresholds", ()))
        checkpoint = Checkpoint(ref=ref, path=path, kind=kind, **config)
        _check(checkpoint)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfreezeError(
            f"The checkpoint {validation.printable(ref)} is broken: its config.json cannot be read."
        ) from None
    if not intact:
        raise checkpoint_error(
            checkpoint,
            "its config.json is damaged; bring it back, or remove its checksum if you edited it",
        )
    pieces = isinstance(checkpoint.model, EncoderSpec)
    if not pieces and checkpoint.tokenizer not in word_rules.RULES:
        raise UnfreezeError(
            f"The checkpoint {ref} has the tokenizer {validation.printable(checkpoint.tokenizer)}, "
            "which this version does not know; update Unfreeze to open it."
        )
    if len(checkpoint.labels) != checkpoint.model.classes:
        raise checkpoint_error(checkpoint, "its labels and its last layer disagree")
    return checkpoint


def _read_spec(values: dict[str, Any]) -> ModelSpec:
    """The sizes of a model of either kind, from a checkpoint's JSON. Raises UnfreezeError."""
    return EncoderSpec.from_dict(values) if "family" in values else LessonSpec.from_dict(values)


def _check(checkpoint: Checkpoint) -> None:
    """Raise TypeError or ValueError if a field has a type or value that pages cannot show."""
    validation.check_field_types(checkpoint)
    origin = checkpoint.origin
    config = origin.get("config") or {}
    texts = [origin.get("trains") or "", config.get("mode") or "", config.get("source") or ""]
    labels = [" ".join(label.split()) for label in checkpoint.labels]
    checkpoint.ref.encode()  # raises UnicodeEncodeError, a ValueError, for an undecodable folder name
    if not (
        validation.has_type(texts, list[str])
        and all(labels)
        and len(set(labels)) == len(labels)
        and 1 <= checkpoint.max_length <= MAX_LENGTH
        and 0 <= checkpoint.tail <= 1
        and all(0 <= threshold <= 1 for threshold in checkpoint.thresholds)
        and len(checkpoint.thresholds) in (0, len(labels))
        and all(map(math.isfinite, checkpoint.metrics.values()))
    ):
        raise ValueError


def checkpoint_error(checkpoint: Checkpoint, fault: str) -> UnfreezeError:
    return UnfreezeError(f"The checkpoint {checkpoint.ref} cannot be used: {fault}.")
