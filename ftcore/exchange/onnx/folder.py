"""An exported folder, read again: what model.json says, the tokenizer and the graph."""

from pathlib import Path
from typing import Any

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.exchange.onnx.description import DESCRIPTION, FORMAT
from ftcore.exchange.onnx.runtime import OnnxModel
from ftcore.inference.text_model import TextModel
from ftcore.models.calibration import Calibration
from ftcore.text import word_rules
from ftcore.text.lengths import TextLengths
from ftcore.text.subwords import SubwordTokenizer
from ftcore.text.tokenizer import Tokenizer
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.text.words import WordTokenizer


def is_exported(path: Path) -> bool:
    """Whether a path is a folder with the description of an exported model."""
    return (path / DESCRIPTION).is_file()


def read(path: Path) -> TextModel:
    """Open a folder. Raises UnfreezeError if a file of it is missing, damaged or of a newer version."""
    shown = validation.printable(str(path))
    try:
        values = validation.read_json(path / DESCRIPTION)
        if values["format"] > FORMAT:
            raise UnfreezeError(f"A newer Unfreeze wrote {shown}: update to open it.")
        tokenizer = _tokenizer(path, values)
        exported = TextModel(
            str(values["title"]),
            tuple(values["labels"]),
            tuple(values["thresholds"]),
            _calibration(values),
            tokenizer,
            _truncation(values, tokenizer.frame.size),
            TextLengths.read(values.get("training_lengths")),
            _graph(_inside(path, values["file"])),
        )
        _check(exported)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfreezeError(
            f"{shown} cannot be read: one of its files is missing or damaged; export the model again."
        ) from None
    return exported


def _tokenizer(path: Path, values: dict[str, Any]) -> Tokenizer:
    file = _inside(path, values["tokenizer"])
    if values["kind"] == "encoder":
        return SubwordTokenizer(file.read_text("utf-8"), values["pad"])
    return WordTokenizer(word_rules.find(values["word_rule"]), validation.read_json(file))


def _graph(file: Path) -> OnnxModel:
    try:
        return OnnxModel(file)
    except Exception as error:  # those of onnxruntime have no class in common
        raise ValueError(file.name) from error


def _calibration(values: dict[str, Any]) -> Calibration | None:
    sets = values["label_sets"]
    if sets is None:
        return None
    return Calibration(float(values["temperature"]), sets["target"], dict(sets["thresholds"]), 0)


def _truncation(values: dict[str, Any], special: int) -> Truncation:
    """The truncation with special tokens, of which model.json says what is read without them."""
    inside = values["head"] + values["tail"]
    if not 0 < inside <= MAX_LENGTH - special:
        raise ValueError("length")
    return Truncation(inside + special, values["tail"] / inside)


def _inside(path: Path, name: str) -> Path:
    """A file of the folder, which may be a stranger's: no path leads out of it."""
    file = path / Path(name).name
    validation.refuse_special_files(file)
    return file


def _check(exported: TextModel) -> None:
    """Raise ValueError for what no export wrote."""
    labels, kept = exported.labels, exported.calibration
    if not (
        labels
        and validation.has_type(labels, tuple[str])
        and validation.has_type(exported.thresholds, tuple[float])
        and len(set(labels)) == len(labels)
        and len(exported.thresholds) in (0, len(labels))
        and (kept is None or (kept.temperature > 0 and kept.thresholds.keys() == set(labels)))
    ):
        raise ValueError(DESCRIPTION)
