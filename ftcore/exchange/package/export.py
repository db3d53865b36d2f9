"""Writes a checkpoint as a package."""

import json
import re
from pathlib import Path

from ftcore import __version__, paths
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange import model_card
from ftcore.exchange.onnx import export as onnx_export
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files, scratch, zips

SUFFIX = ".zip"
CLASSIFIER = "classifier.py"
_PREDICT = Path(__file__).with_name("predict.txt")
_FILES = {
    "predict.py": "answers texts without Unfreeze",
    "requirements.txt": "what it needs",
    "report.html": "curves and figures of the run",
    "run.py": "the run as plain PyTorch code",
    "model": "the model as ONNX, and how it was checked",
    "checkpoint": "the model as Unfreeze saves it",
    "run": "the run's record",
}


def write(ref: str, target: Path) -> Task[Path]:
    """Write a checkpoint that is not `unfit` for ONNX as a new zip, and return `target`.

    Raises UnfreezeError.
    """
    files.check_free(target)
    files.check_writable(target.parent)
    checkpoint = checkpoints.find(ref)
    with scratch.temporary() as temporary:
        folder = temporary / (re.sub(r"[^\w.-]+", "-", target.stem).strip(".") or "model")
        folder.mkdir()
        yield from _fill(checkpoint, folder)
        yield from zips.write(folder, target)
    return target


def _fill(checkpoint: Checkpoint, folder: Path) -> Task[None]:
    from ftcore.exchange.onnx import programs
    from ftcore.exchange.package import contents

    yield from onnx_export.write(checkpoint.ref, folder / "model")
    (folder / "model" / programs.PREDICT).rename(folder / "model" / CLASSIFIER)
    yield Progress("saving", 0, 1, "checkpoint")
    checkpoint_files.export(checkpoint, folder / contents.CHECKPOINT)
    _forget_paths(folder / contents.CHECKPOINT / checkpoints.CONFIG)
    manifest = {
        "format": contents.FORMAT,
        "version": __version__,
        "ref": checkpoint.ref,
        "kind": checkpoint.kind,
        "title": checkpoint.title,
    }
    texts = {
        contents.MANIFEST: json.dumps(manifest, indent=1),
        "predict.py": _PREDICT.read_text("utf-8"),
        "requirements.txt": "\n".join(programs.requirements(checkpoint)) + "\n",
        **_of_run(checkpoint, folder / contents.RUN),
    }
    for name, text in texts.items():
        files.write(folder / name, text.encode())
    card = model_card.card(checkpoint, _usage(folder), "onnx")
    files.write(folder / checkpoints.CARD, card.encode())


def _forget_paths(file: Path) -> None:
    """Empty the settings in a checkpoint's config.json that name files of this machine."""
    from ftcore.exchange.run_files import PATHS

    config = json.loads(file.read_text("utf-8"))
    if trained_with := config["origin"].get("config"):
        config["origin"]["config"] = trained_with | dict.fromkeys(PATHS & trained_with.keys(), "")
        files.write(file, checkpoints.encode_config(config))


def _of_run(checkpoint: Checkpoint, folder: Path) -> dict[str, str]:
    """Write the tables of a checkpoint's run; return files by name, none if there is no run."""
    from ftcore import tracking
    from ftcore.diagnostics.results import Diagnostics
    from ftcore.exchange import run_files
    from ftcore.exchange.package import contents, report

    if checkpoint.kind != "run":
        return {}
    try:
        run = tracking.run(checkpoint.ref)
    except UnfreezeError:  # its record is gone, the model is not
        return {}
    history, watched = tracking.history(run.run_id), tracking.watched(run.run_id)
    tables = run_files.RunTables(history, watched, Diagnostics.of_run(run.run_id))
    run_files.write_tables(folder, tables)
    return {
        contents.RUN_RECORD: json.dumps(run_files.to_json(run), indent=1),
        "report.html": report.html(checkpoint, run, tables),
        **_code(run.run_id, run.config.source),
    }


def _code(run_id: str, source: str) -> dict[str, str]:
    """The script of a run without paths of this machine; nothing if it has none."""
    from ftcore.exchange import script

    try:
        code = script.script(run_id)
    except UnfreezeError:  # such as a run whose texts have several labels
        return {}
    for path, name in (
        (source, "DATA"),
        (str(paths.home()), "HOME"),
        (str(paths.ROOT), "UNFREEZE"),
    ):
        code = code.replace(path, name) if path else code
    return {"run.py": code}


def _usage(folder: Path) -> str:
    rows = [f"| `{name}` | {what} |" for name, what in _FILES.items() if (folder / name).exists()]
    lines = [
        "```",
        "pip install -r requirements.txt",
        'python predict.py "a text"',
        "```",
        "",
        "In Unfreeze, `python -m ftcore import` and this zip bring the checkpoint and its run back.",
        "",
        "| file | what |",
        "| --- | --- |",
        *rows,
    ]
    return "\n".join(lines)
