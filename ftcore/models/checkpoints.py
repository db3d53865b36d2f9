"""Checkpoints: folders with weights, words, labels and where they come from.

    config.json             sizes, labels, parent, data, metrics (see `Checkpoint`)
    weights.safetensors     everything but the word vectors
    words.safetensors       the word vectors, in half precision where that loses nothing
    vocabulary.json         the words, in the order of the vectors
    README.md               the card, where somebody wrote one

The words stand only in the folder that `words` in config.json names: a fine-tuned model whose
word vectors did not change uses those of the checkpoint that it started from.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ftcore import paths, validation
from ftcore.errors import UnfreezeError
from ftcore.models.spec import ModelSpec
from ftcore.storage import files
from ftcore.text.truncation import MAX_LENGTH, Truncation

if TYPE_CHECKING:  # a page lists checkpoints before torch is imported
    from torch import Tensor

    from ftcore.models.classifier import TextClassifier
    from ftcore.text import vocabulary

FORMAT = 2  # 2: a text's end may be read too
CONFIG, WEIGHTS, WORDS, VOCABULARY, CARD = (
    "config.json",
    "weights.safetensors",
    "words.safetensors",
    "vocabulary.json",
    "README.md",
)


@dataclass(frozen=True)
class Checkpoint:
    """What is known of a checkpoint without loading its weights."""

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
    tail: float = 0.0  # share of max_length that is read from the end of a longer text
    parent: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def truncation(self) -> Truncation:
        """Which tokens of a text the model reads."""
        return Truncation(self.max_length, self.tail)

    @property
    def parameters(self) -> int:
        """Number of weights, the word vectors included."""
        return self.model.parameters

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())

    @property
    def card(self) -> str:
        """What its maker says of it, Markdown."""
        try:
            validation.refuse_special_files(self.path / CARD)
            return (self.path / CARD).read_text("utf-8", errors="replace")
        except (OSError, UnfreezeError):
            return ""

    @property
    def version(self) -> float:
        """Changes whenever the weights on disk do."""
        return _written(self.path / WEIGHTS)


def list_checkpoints() -> list[Checkpoint]:
    """All usable checkpoints: bundled ones, imported ones, then those of runs, newest first."""
    found = []
    for kind, path in _folders():
        try:
            found.append(_read(kind, path))
        except UnfreezeError:  # one broken folder must not hide the others; `find` names its fault
            continue
    return found


def find(ref: str) -> Checkpoint:
    """The checkpoint of a name or a run id. Raises UnfreezeError."""
    for kind, path in _folders():
        if _ref(kind, path) == ref:
            return _read(kind, path)
    raise UnfreezeError(
        f"There is no checkpoint {validation.printable(ref)!r}; the page Checkpoints, or "
        "`python -m ftcore checkpoints`, lists what there is."
    )


def load_vocabulary(checkpoint: Checkpoint) -> "vocabulary.Vocab":
    """The words that the model knows. Raises UnfreezeError where they do not fit the weights."""
    from ftcore.text import vocabulary

    owner = checkpoint if checkpoint.words == checkpoint.ref else find(checkpoint.words)
    try:
        words = validation.read_json(owner.path / VOCABULARY)
    except (OSError, ValueError):
        raise _broken(owner, "its vocabulary cannot be read") from None
    if (
        not validation.has_type(words, list[str])
        or len(words) != checkpoint.model.vocab_size
        or fingerprint(words) != checkpoint.words_fingerprint
    ):
        raise _broken(checkpoint, "its vocabulary and its weights disagree")
    return vocabulary.vocab_from_tokens(words)


def load_model(
    checkpoint: Checkpoint, dropout: float = 0.0, word_dropout: float = 0.0, beside: bool = False
) -> "TextClassifier":
    """The model, on the CPU, in eval mode. Raises UnfreezeError where files are missing or do not fit.

    `beside` a training, in another thread, no random number is drawn.
    """
    import torch

    from ftcore.models.classifier import TextClassifier, unfilled

    owner = checkpoint if checkpoint.words == checkpoint.ref else find(checkpoint.words)
    with torch.device("meta"):  # sizes alone, which may be those of no memory
        expected = TextClassifier(checkpoint.model).state_dict()
    tensors = _load(owner, owner.path / WORDS) | _load(checkpoint, checkpoint.path / WEIGHTS)
    wrong = [
        name
        for name in expected.keys() | tensors.keys()
        if getattr(tensors.get(name), "shape", None) != getattr(expected.get(name), "shape", None)
    ]
    _refuse(checkpoint, wrong, "missing or of another shape")
    _refuse(
        checkpoint,
        [name for name in tensors if not tensors[name].is_floating_point()],
        "no fractions",
    )
    create = unfilled if beside else TextClassifier
    model = create(checkpoint.model, dropout=dropout, word_dropout=word_dropout)
    model.load_state_dict(tensors)
    weights = model.state_dict()
    broken = [name for name in weights if not weights[name].isfinite().all()]
    _refuse(checkpoint, broken, "not all numbers")
    return model.eval()


def _refuse(checkpoint: Checkpoint, weights: list[str], fault: str) -> None:
    if weights:
        names = validation.printable(", ".join(sorted(weights)))
        raise _broken(checkpoint, f"these weights are {fault}: {names}")


def save(
    model: "TextClassifier",
    path: Path,
    *,
    ref: str,
    title: str,
    labels: tuple[str, ...],
    vocabulary: list[str],
    truncation: Truncation,
    dataset: str,
    parent: Checkpoint | None = None,
    metrics: dict[str, float] | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Write a model so that a reader sees the old files or the new, never half of one.

    The word vectors are left to `parent` where they are still the parent's.
    """
    from safetensors.torch import save as packed

    contents: dict[str, bytes] = {}
    tensors = {name: weight.detach().cpu() for name, weight in model.state_dict().items()}
    vectors = tensors.pop("embedding.weight")
    words, words_fingerprint = ref, fingerprint(vocabulary)
    if parent is not None and not model.embedding.weight.requires_grad:
        words = parent.words
    else:
        contents[VOCABULARY] = json.dumps(vocabulary, ensure_ascii=False).encode()
        contents[WORDS] = packed({"embedding.weight": _compact(vectors)})
    contents[WEIGHTS] = packed({name: tensor.contiguous() for name, tensor in tensors.items()})
    config = {
        "format": FORMAT,
        "title": title,
        "labels": labels,
        "model": asdict(model.shape),
        "max_length": truncation.length,
        "tail": truncation.tail,
        "dataset": dataset,
        "words": words,
        "words_fingerprint": words_fingerprint,
        "parent": parent.ref if parent else "",
        "metrics": metrics or {},
        "origin": origin or {},
    }
    contents[CONFIG] = json.dumps(config, indent=1).encode()
    files.write_all(path, contents)


def update(path: Path, title: str = "", metrics: dict[str, float] | None = None) -> None:
    """Give the checkpoint in a folder another title, or more figures."""
    config = json.loads((path / CONFIG).read_text("utf-8"))
    config["title"] = title or config["title"]
    config["metrics"] |= metrics or {}
    files.write(path / CONFIG, json.dumps(config, indent=1).encode())


def export(checkpoint: Checkpoint, target: Path, title: str = "") -> None:
    """Copy a checkpoint to a folder whose name becomes its ref; words that it holds go with it."""
    with files.new_folder(target) as staging:
        shutil.copytree(checkpoint.path, staging, dirs_exist_ok=True)
        config = json.loads((staging / CONFIG).read_text("utf-8"))
        config["title"] = title or config["title"]
        if config["words"] == checkpoint.ref:
            config["words"] = target.name
        files.write(staging / CONFIG, json.dumps(config, indent=1).encode())


def delete(ref: str) -> None:
    """Remove an imported checkpoint or that of a run. Raises UnfreezeError where others build on it."""
    checkpoint = find(ref)
    if checkpoint.kind == "bundled":
        raise UnfreezeError(f"{checkpoint.title} came with Unfreeze and stays.")
    if needing := dependents(ref):
        names = ", ".join(other.title for other in needing)
        raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
    shutil.rmtree(checkpoint.path)


def dependents(ref: str) -> list[Checkpoint]:
    """Checkpoints that cannot be loaded without this one."""
    return [other for other in list_checkpoints() if other.words == ref and other.ref != ref]


def fingerprint(words: list[str]) -> str:
    """A short name for a vocabulary that changes with any word or their order."""
    return hashlib.sha256("\n".join(map(str, words)).encode("utf-8", "replace")).hexdigest()[:16]


def run_path(run_id: str) -> Path:
    """Where the checkpoint of a run lies: among MLflow's artifacts."""
    return paths.runs_dir() / run_id / "artifacts" / "checkpoint"


def _folders() -> Iterator[tuple[Literal["bundled", "imported", "run"], Path]]:
    for file in sorted(paths.BUNDLED_CHECKPOINTS.glob(f"*/{CONFIG}"), reverse=True):
        yield "bundled", file.parent
    for file in sorted(paths.checkpoints_dir().glob(f"[!.]*/{CONFIG}")):
        yield "imported", file.parent
    for path in paths.runs_dir().glob("*/artifacts/checkpoint"):
        files.recover(path)  # its process may have been killed while it saved
    saved = paths.runs_dir().glob(f"*/artifacts/checkpoint/{CONFIG}")
    for file in sorted(saved, key=_written, reverse=True):
        yield "run", file.parent


def _written(file: Path) -> float:
    """When it was; 0 where it is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _ref(kind: str, path: Path) -> str:
    return path.parent.parent.name if kind == "run" else path.name


def _read(kind: Literal["bundled", "imported", "run"], path: Path) -> Checkpoint:
    ref = _ref(kind, path)
    try:
        config = validation.read_json(path / CONFIG)
        version = config.pop("format")
        if version > FORMAT:
            raise UnfreezeError(
                f"The checkpoint {ref} was written by a newer version of Unfreeze; update to open it."
            )
        config["model"] = ModelSpec.from_dict(config["model"])
        config["labels"] = tuple(config["labels"])
        checkpoint = Checkpoint(ref=ref, path=path, kind=kind, **config)
        _check(checkpoint)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfreezeError(
            f"The checkpoint {validation.printable(ref)} is broken: its config.json cannot be read."
        ) from None
    if len(checkpoint.labels) != checkpoint.model.classes:
        raise _broken(checkpoint, "its labels and its last layer disagree")
    return checkpoint


def _check(checkpoint: Checkpoint) -> None:
    """Raise TypeError or ValueError where a config says what no page could show."""
    validation.check_field_types(checkpoint)
    origin = checkpoint.origin
    about = [
        origin.get("trains") or "",
        *((origin.get("config") or {}).get(key) or "" for key in ("mode", "source")),
    ]
    labels = [" ".join(label.split()) for label in checkpoint.labels]
    checkpoint.ref.encode()  # a folder's name may be no text
    if not (
        validation.has_type(about, list[str])
        and all(labels)
        and len(set(labels)) == len(labels)
        and 1 <= checkpoint.max_length <= MAX_LENGTH
        and 0 <= checkpoint.tail <= 1
        and all(map(math.isfinite, checkpoint.metrics.values()))
    ):
        raise ValueError


def _load(checkpoint: Checkpoint, file: Path) -> "dict[str, Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        validation.refuse_special_files(file)
        return load_file(file)
    except (OSError, SafetensorError):
        raise _broken(checkpoint, f"{file.name} is missing or cut short") from None


def _compact(vectors: "Tensor") -> "Tensor":
    """Half precision where not one value changes by it."""
    half = vectors.half()
    return half if half.float().equal(vectors) else vectors


def _broken(checkpoint: Checkpoint, fault: str) -> UnfreezeError:
    return UnfreezeError(f"The checkpoint {checkpoint.ref} cannot be used: {fault}.")
