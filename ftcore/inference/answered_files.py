"""Files of texts that the dashboard answers: a folder of the home for each, so that all can be resumed.

request.json      what is answered, and by which model
input/            the copy of an upload; missing if the file is one of this machine
answers.parquet   once every row has an answer; until then answers.parquet.parts (see `unfinished`)
answers.csv       the same, for a download
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftcore import paths, validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.inference import answer_files, table_prediction
from ftcore.inference.table_prediction import Request
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files
from ftcore.validation import printable

_RECORD, _INPUT, _ANSWERS = "request.json", "input", "answers"


@dataclass(frozen=True)
class AnsweredFile:
    """A file of texts, and where its answers are or will be.

    Attributes:
        name: of the file, as its owner knows it.
        model: the title of the model.
        column: of the texts.
        thresholds: of the model's labels, if a text may have several.
        created: when it was first asked for, UTC.
    """

    folder: Path
    name: str
    model: str
    column: str
    thresholds: tuple[float, ...]
    created: datetime
    request: Request

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def parquet(self) -> Path:
        return self.folder / f"{_ANSWERS}.parquet"

    @property
    def csv(self) -> Path:
        return self.folder / f"{_ANSWERS}.csv"

    @property
    def finished(self) -> bool:
        """Whether every row has its answer, in both forms."""
        return self.parquet.is_file() and self.csv.is_file()


def create(
    path: Path,
    name: str,
    checkpoint: Checkpoint,
    model: str,
    column: str,
    how: Mapping[str, Any],
    copied: bool,
) -> AnsweredFile:
    """Record what is to be answered; the same file, column and version of a model are found again.

    how: `encoding`, `delimiter`, `header`, `sheet` and `raw`, as `Request` has them. A file to be `copied`,
    such as an upload, may be deleted afterwards. Raises UnfreezeError.
    """
    origin = [_state(path, copied), column, checkpoint.ref, checkpoint.version, sorted(how.items())]
    folder = _folder() / hashlib.sha256(repr(origin).encode()).hexdigest()[:16]
    if not folder.exists():
        record = {
            "name": name,
            "model": model,
            "ref": checkpoint.ref,
            "column": column,
            "how": dict(how),
            "thresholds": list(checkpoint.thresholds),
            "path": "" if copied else str(path.resolve()),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with files.new_folder(folder) as staging:
            if copied:
                (staging / _INPUT).mkdir()
                shutil.copyfile(path, staging / _INPUT / path.name)
            files.write(staging / _RECORD, json.dumps(record, indent=1).encode())
    return _read(folder)


def listed() -> list[AnsweredFile]:
    """All that were asked for and not removed, newest first; what cannot be read is left out."""
    found = []
    for record in _folder().glob(f"*/{_RECORD}"):
        try:
            found.append(_read(record.parent))
        except UnfreezeError:
            continue
    return sorted(found, key=lambda each: each.created, reverse=True)


def remove(file: AnsweredFile) -> None:
    """Delete the answers, and the copy of the texts; a file that was given by its path stays."""
    shutil.rmtree(file.folder, ignore_errors=True)


def answer(file: AnsweredFile) -> Task[None]:
    """Answer the rows that have no answer yet. Raises UnfreezeError."""
    if not file.parquet.exists():
        yield from table_prediction.predict(file.request)
    if not file.csv.exists():
        yield from _write_csv(file)


def _write_csv(file: AnsweredFile) -> Task[None]:
    from pyarrow import Table, parquet

    unfinished = file.csv.with_suffix(".part")
    with file.parquet.open("rb") as source:
        answers = parquet.ParquetFile(source)
        total, done = answers.metadata.num_rows, 0
        with answer_files.writer(unfinished, file.csv.suffix, answers.schema_arrow) as write:
            for batch in answers.iter_batches(4096):
                write(Table.from_batches([batch]))
                done += len(batch)
                yield Progress("saving", done, total, "texts")
    unfinished.replace(file.csv)


def _folder() -> Path:
    return paths.home() / "answers"


def _state(path: Path, copied: bool) -> str:
    """What changes when a file does: the content of a copy, else names, sizes and times."""
    if copied:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    members = sorted(path.rglob("*")) if path.is_dir() else [path]
    states = [(str(each.resolve()), each.stat()) for each in members]
    return repr([(name, state.st_size, state.st_mtime_ns) for name, state in states])


def _read(folder: Path) -> AnsweredFile:
    try:
        record = validation.read_json(folder / _RECORD)
        path = record["path"] or str(next((folder / _INPUT).iterdir()))
        output = str(folder / f"{_ANSWERS}.parquet")
        request = Request(record["ref"], path, output, record["column"], **record["how"])
        return AnsweredFile(
            folder,
            record["name"],
            record["model"],
            record["column"],
            tuple(record["thresholds"]),
            datetime.fromisoformat(record["created"]),
            request,
        )
    except (OSError, StopIteration, ValueError, KeyError, TypeError):
        shown = printable(str(folder))
        raise UnfreezeError(f"{shown} is damaged: remove it, and give the file again.") from None
