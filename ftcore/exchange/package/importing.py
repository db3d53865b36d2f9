"""Brings a package back: its checkpoint, and the run that trained it, with its history."""

import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore import paths, tracking, validation
from ftcore.diagnostics.results import METADATA
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, Task
from ftcore.exchange import run_files
from ftcore.exchange.package import contents
from ftcore.exchange.package.unpacking import unpack
from ftcore.exchange.run_files import RunTables
from ftcore.models import calibration, checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files, scratch
from ftcore.tracking import Run


def import_package(archive: Path, name: str = "") -> Task[Checkpoint]:
    """Import a zip that `export --format zip` wrote, and return the checkpoint, which may be a run's.

    name: of the run or the checkpoint; "" for the one in the package. What was imported before is found
    again. A failed or closed task leaves nothing behind. Raises UnfreezeError.
    """
    if not archive.is_file():
        raise UnfreezeError(f"There is no file {validation.printable(str(archive))}.")
    files.check_writable(paths.home())
    with scratch.folder(paths.home()) as folder:
        yield from unpack(archive, folder)
        shown = validation.printable(archive.name)
        manifest = _manifest(shown, folder)
        yield Progress("examining", 0, 1, "checkpoint")
        checkpoint = _checked(shown, folder / contents.CHECKPOINT)
        recorded = _run(shown, folder, checkpoint)
        if found := _imported_before(manifest["ref"], checkpoint):
            yield Noted("It was here already: nothing is changed.")
            return found
        yield Progress("saving", 0, 1, "checkpoint")
        if recorded is None:
            ref = name or checkpoints.free_name(manifest["title"])
            _place(folder, checkpoints.new_path(ref), ref, name)
            return checkpoints.find(ref)
        run, settings, tables = recorded

        def place(run_id: str) -> None:
            target = checkpoints.run_path(run_id)
            if tables.diagnostics is not None:
                tables.diagnostics.write(target.parent)
            _place(folder, target, run_id, name)

        run = replace(run, name=name or run.name)
        curves = (tables.history, tables.watched)
        run_id = tracking.import_run(run, manifest["ref"], settings, *curves, place)
        return checkpoints.find(run_id)


def _manifest(shown: str, folder: Path) -> dict[str, Any]:
    try:
        manifest = validation.read_json(folder / contents.MANIFEST)
        newer = manifest["format"] > contents.FORMAT
        if not validation.has_type([manifest["ref"], manifest["title"]], list[str]):
            raise ValueError(contents.MANIFEST)
    except (OSError, ValueError, TypeError, KeyError):
        raise _damaged(shown) from None
    if newer:
        raise UnfreezeError(f"A newer Unfreeze wrote {shown}: update to import it.")
    return dict(manifest)


def _checked(shown: str, folder: Path) -> Checkpoint:
    """The checkpoint of a package, whose files were read and belong together."""
    try:
        checkpoint = checkpoints.read(folder)
        checkpoint_files.load_tokenizer(checkpoint)
        checkpoint_files.load_model(checkpoint, beside=True)
        calibration.read(checkpoint)
    except UnfreezeError as error:
        fault = str(error).removeprefix(f"The checkpoint {folder.name} ")
        fault = fault.removeprefix("cannot be used: ").removeprefix("is broken: ")
        raise UnfreezeError(f"{shown} cannot be imported: {fault}") from None
    return checkpoint


def _run(
    shown: str, folder: Path, checkpoint: Checkpoint
) -> tuple[Run, dict[str, Any], RunTables] | None:
    """The run of a package, its settings as recorded, and its tables; None if it has none."""
    if not (folder / contents.RUN_RECORD).exists():
        return None
    try:
        record = validation.read_json(folder / contents.RUN_RECORD)
        run = run_files.from_json(record)
        tables = run_files.read_tables(folder / contents.RUN, run)
        answers = (folder / contents.RUN / METADATA).exists()
        if answers and tables.diagnostics is None:
            raise ValueError(METADATA)
        if tuple(run.facts.get("labels", checkpoint.labels)) != checkpoint.labels:
            raise ValueError("labels")
    except Exception:  # damaged files raise nearly anything
        raise _damaged(shown) from None
    return run, record["config"], tables


def _damaged(shown: str) -> UnfreezeError:
    return UnfreezeError(f"A file in {shown} is damaged or missing: fetch it again.")


def _imported_before(ref: str, checkpoint: Checkpoint) -> Checkpoint | None:
    """The same model in this home: that of the run itself, or of an earlier import."""
    candidates = [ref, *tracking.imported_from(ref)]
    for each in candidates:
        with suppress(UnfreezeError):
            found = checkpoints.find(each)
            same = found.weights_fingerprint == checkpoint.weights_fingerprint != ""
            if same and found.vectors_fingerprint == checkpoint.vectors_fingerprint:
                return found
    return None


def _place(folder: Path, target: Path, ref: str, title: str) -> None:
    """Move the checkpoint of a package to where it stays, under its new ref."""
    source = folder / contents.CHECKPOINT
    config = json.loads((source / checkpoints.CONFIG).read_text("utf-8"))
    if config["words"] == contents.CHECKPOINT:
        config["words"] = ref
    config["title"] = title or config["title"]
    files.write(source / checkpoints.CONFIG, checkpoints.encode_config(config))
    with files.new_folder(target) as staging:
        shutil.copytree(source, staging, dirs_exist_ok=True)
