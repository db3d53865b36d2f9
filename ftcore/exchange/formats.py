"""The formats in which a model leaves: one table, which the command `export` and the pages read.

A format is a module of this package that costs nothing to import, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange import huggingface_export, mlflow_model
from ftcore.exchange.onnx import export as onnx_export
from ftcore.exchange.package import export as package
from ftcore.exchange.takeaway import export as takeaway
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files, zips

PLAIN, HUB, PAGE = "unfreeze", "huggingface", "html"


@dataclass(frozen=True)
class ExportFormat:
    """What a format is good for, and what writes it."""

    title: str
    sentence: str
    write: Callable[[str, Path], Task[Path]]
    """Takes a ref and a path where nothing is; creates all of it or nothing, and returns the path."""
    suffix: str = ""
    """Of the file that it creates, such as `.html`; a folder has none."""
    unfit: Callable[[Checkpoint], str] = lambda checkpoint: ""
    """Why a checkpoint with a last layer has no such form, as a sentence; "" if it has."""
    answers: bool = True
    """Whether what it writes answers texts, which needs a last layer."""

    def fault(self, checkpoint: Checkpoint) -> str:
        """Why a checkpoint has no such form, as a sentence; "" if it has."""
        if self.answers and not checkpoint.labels:
            return f"{checkpoint.title} has no last layer yet: fine-tune it first."
        return self.unfit(checkpoint)


def _write_plain(ref: str, target: Path) -> Task[Path]:
    yield Progress("saving", 0, 1, "checkpoint")
    checkpoint_files.export(checkpoints.find(ref), target)
    return target


FORMATS = {
    PLAIN: ExportFormat(
        "Checkpoint",
        "A folder of safetensors and JSON, for another Unfreeze: put it into its folder of checkpoints.",
        _write_plain,
        answers=False,
    ),
    HUB: ExportFormat(
        "Hugging Face",
        "A folder that transformers opens by itself, with a model card; also the form of the Hub.",
        huggingface_export.write,
        unfit=huggingface_export.unfit,
    ),
    "onnx": ExportFormat(
        "ONNX",
        "A folder for onnxruntime, in any language and without PyTorch: the same answers, checked on 200 "
        "texts.",
        onnx_export.write,
        unfit=onnx_export.unfit,
    ),
    "onnx-int8": ExportFormat(
        "ONNX, int8",
        "The same in about a quarter of the size: weights are 8-bit integers, and at least 99% of 200 texts "
        "keep their label.",
        partial(onnx_export.write, precision="int8"),
        unfit=onnx_export.unfit,
    ),
    "mlflow": ExportFormat(
        "MLflow model",
        "A folder for mlflow models serve and MLflow's registry; a run's is also logged with the run.",
        mlflow_model.write,
        unfit=onnx_export.unfit,
    ),
    PAGE: ExportFormat(
        "Page to take home",
        "One HTML file that holds the model and answers in any browser, without a network: type a text, see "
        "the bars.",
        takeaway.write,
        takeaway.SUFFIX,
        takeaway.unfit,
    ),
    "zip": ExportFormat(
        "Package",
        "One zip to hand on: model, card, report, code, and a predict.py that answers without Unfreeze. "
        "Unfreeze imports it, with the run's history.",
        package.write,
        package.SUFFIX,
        onnx_export.unfit,
    ),
}


def check(name: str, *refs: str) -> None:
    """Raise UnfreezeError if one of these checkpoints has no form in a format."""
    for ref in refs:
        if fault := FORMATS[name].fault(checkpoints.find(ref)):
            raise UnfreezeError(fault)


def export(name: str, ref: str, target: Path) -> Task[Path]:
    """Write a checkpoint in a format, and return `target`.

    Raises UnfreezeError if the target exists, or if the checkpoint has no such form.
    """
    files.check_free(target)
    check(name, ref)
    return (yield from FORMATS[name].write(ref, target))


def push(ref: str, repository: str, private: bool, token: str = "") -> Task[str]:
    """Push a checkpoint to the Hub as a new model, and return its address; see `hub_upload.push`."""
    check(HUB, ref)
    return (yield from huggingface_export.push(ref, repository, private, token))


def export_file(name: str, ref: str, folder: Path) -> Task[Path]:
    """Write a checkpoint in a format as one new file of a folder, and return it; a folder becomes a zip."""
    suffix = FORMATS[name].suffix
    short = ref[:8] if checkpoints.find(ref).kind == "run" else ref
    path = yield from export(name, ref, folder / f"{short}-{name}{suffix}")
    return path if suffix else (yield from zips.pack(path))
