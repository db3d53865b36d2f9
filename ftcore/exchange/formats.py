"""The formats in which a model leaves: one table, which the command `export` and the pages read.

A format is a module of this package that costs nothing to import, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange import huggingface_export
from ftcore.exchange.onnx import export as onnx_export
from ftcore.exchange.takeaway import export as takeaway
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files, zips

PLAIN, PAGE = "unfreeze", "html"


@dataclass(frozen=True)
class ExportFormat:
    """What a format is good for, and what writes it."""

    title: str
    sentence: str
    write: Callable[[str, Path], Task[Path]]
    """Takes a ref and a path where nothing is; creates all of it or nothing, and returns the path."""
    suffix: str = ""
    """Of the file that it creates, such as `.html`; a folder has none."""
    fault: Callable[[Checkpoint], str] = lambda checkpoint: ""
    """Why a checkpoint has no such form, as a sentence; "" if it has."""


def _write_plain(ref: str, target: Path) -> Task[Path]:
    yield Progress("saving", 0, 1, "checkpoint")
    checkpoint_files.export(checkpoints.find(ref), target)
    return target


FORMATS = {
    PLAIN: ExportFormat(
        "Checkpoint",
        "A folder of safetensors and JSON, for another Unfreeze: put it into its folder of checkpoints.",
        _write_plain,
    ),
    "huggingface": ExportFormat(
        "Hugging Face",
        "A folder that transformers opens by itself, with a model card; also the form of the Hub.",
        huggingface_export.write,
        fault=huggingface_export.fault,
    ),
    "onnx": ExportFormat(
        "ONNX",
        "A folder for onnxruntime, in any language and without PyTorch: the same answers, checked on 200 "
        "texts.",
        onnx_export.write,
        fault=onnx_export.fault,
    ),
    "onnx-int8": ExportFormat(
        "ONNX, int8",
        "The same in about a quarter of the size: weights are 8-bit integers, and at least 99% of 200 texts "
        "keep their label.",
        partial(onnx_export.write, precision="int8"),
        fault=onnx_export.fault,
    ),
    PAGE: ExportFormat(
        "Page to take home",
        "One HTML file that holds the model and answers in any browser, without a network: type a text, see "
        "the bars.",
        takeaway.write,
        takeaway.SUFFIX,
        takeaway.fault,
    ),
}


def export(name: str, ref: str, target: Path) -> Task[Path]:
    """Write a checkpoint in a format, and return `target`.

    Raises UnfreezeError if the target exists, or if the checkpoint has no such form.
    """
    files.check_free(target)
    if fault := FORMATS[name].fault(checkpoints.find(ref)):
        raise UnfreezeError(fault)
    return (yield from FORMATS[name].write(ref, target))


def export_file(name: str, ref: str, folder: Path) -> Task[Path]:
    """Write a checkpoint in a format as one new file of a folder, and return it; a folder becomes a zip."""
    suffix = FORMATS[name].suffix
    short = ref[:8] if checkpoints.find(ref).kind == "run" else ref
    path = yield from export(name, ref, folder / f"{short}-{name}{suffix}")
    return path if suffix else (yield from zips.pack(path))
