"""Answers of a checkpoint to all texts of a file, in parts, so that memory does not grow with the file.

An interrupted call leaves its parts beside the output, and the same call goes on after them.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.data.tables import reading, recognition
from ftcore.data.tables.table_format import TableRead
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, Task
from ftcore.formatting import count
from ftcore.inference import answer_files, prediction, unfinished
from ftcore.inference.answerer import Answerer
from ftcore.inference.table_texts import Fingerprint, Pending
from ftcore.inference.unfinished import Unfinished
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files
from ftcore.validation import existing_path, expand_home, printable

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Request:
    """A file, its column of texts, and where the answers go; "" and None leave how it is read open."""

    ref: str
    input: str
    output: str
    column: str
    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None
    sheet: str = ""
    raw: bool = False  # whether probabilities stay as the model gives them, though it is calibrated


@dataclass(frozen=True)
class Answers:
    """What was written: rows, how many have each label, and the seconds of this call."""

    output: Path
    rows: int
    labels: dict[str, int]
    seconds: float

    @property
    def predicted(self) -> int:
        """Rows with an answer."""
        return sum(self.labels.values())

    @property
    def left_out(self) -> int:
        """Rows without one: their text is empty, or cannot be read."""
        return self.rows - self.predicted


def predict(request: Request) -> Task[Answers]:
    """Write an answer to each row of a file. Raises UnfreezeError.

    Columns are `row` (0-based, of the file), `text`, `label`, where a text may have several also `labels`,
    their list, `probability_LABEL` of each class, `unknown`, the share of the tokens read that the vocabulary
    lacks, and of a calibrated model `set`, the labels at its target, and `not_sure`; without an answer all
    but `row` and the text are null. The file is read twice: faults in it are found before hours of work.
    """
    clock = time.perf_counter()
    output = expand_home(request.output)
    answer_files.check_ending(output)
    files.check_free(output)
    checkpoint = prediction.find(request.ref)
    fingerprint = Fingerprint()
    table = yield from _read(request, fingerprint.add)
    for note in _notes(table):
        yield Noted(note)
    origin = {"texts": fingerprint.hash, "column": request.column}
    origin |= {"checkpoint": f"{checkpoint.ref} {checkpoint.version}"}
    origin |= {"option --raw": str(request.raw)}
    with unfinished.opened(output, origin) as parts:
        if parts.rows:
            yield Noted(f"{parts.rows:,} of {table.rows:,} rows are answered already.")
        yield from _answer(request, checkpoint, parts, table.rows, origin["texts"])
        labels = yield from _join(parts, output)
    # Where a text may have several labels, their sets follow.
    in_order = {label: labels[label] for label in dict.fromkeys([*checkpoint.labels, *labels])}
    return Answers(output, parts.rows, in_order, time.perf_counter() - clock)


def _read(request: Request, keep: "Callable[[pa.RecordBatch], object]") -> Task[TableRead]:
    """Read the numbers of the rows and their texts."""
    path, column = existing_path(request.input), request.column
    form = recognition.recognize(
        path, request.encoding, request.delimiter, request.header, request.sheet
    )
    if column in form.lists:
        raise UsageError(
            f"Column {printable(column)} holds several texts a row: name one that holds one."
        )
    table = yield from reading.read(path, form, keep, [column])
    return replace(table, notes=(*form.notes, *table.notes))


def _notes(table: TableRead) -> list[str]:
    notes = list(table.notes)
    if table.bad:
        first = table.aside[0]
        rows = "1 row" if table.bad == 1 else f"{count(table.bad)} rows"
        notes.append(
            f"{rows} cannot be read and will have no label; the first is row {first.row:,}: "
            f"{first.reason}."
        )
    return notes


def _answer(
    request: Request, checkpoint: Checkpoint, parts: Unfinished, total: int, texts: str
) -> Task[None]:
    """Add the parts that are missing. Raises UnfreezeError if the texts do not have that hash any more."""
    if parts.rows == total:
        return
    answerer = Answerer(checkpoint, request.raw)
    pending, fingerprint = Pending(parts.rows), Fingerprint()

    def keep(batch: "pa.RecordBatch") -> None:
        fingerprint.add(batch)
        pending.add(batch)

    for _ in _read(request, keep):
        yield Progress("predicting", parts.rows, total, "texts")
        while pending.are_many:
            yield from answerer.add_part(pending.take(), parts, total)
    if fingerprint.hash != texts:
        raise UnfreezeError(
            f"{printable(request.input)} changed while it was read: remove "
            f"{printable(str(parts.folder))}, and start anew once nothing writes to it."
        )
    pending.fill(total)
    while pending:
        yield from answerer.add_part(pending.take(), parts, total)


def _join(parts: Unfinished, output: Path) -> Task[Counter[str]]:
    """Write the output from its parts, and return how many rows have each label."""
    labels = Counter[str]()
    joined, done = parts.folder / "joined", 0
    schema = next(parts.tables()).schema
    with answer_files.writer(joined, output.suffix, schema) as write:
        for table in parts.tables():
            write(table.select(schema.names))  # an earlier version began with fewer columns
            labels.update(filter(None, table["label"].to_pylist()))
            done += len(table)
            yield Progress("saving", done, parts.rows, "texts")
    files.check_free(output)
    joined.replace(output)
    parts.finished = True
    return labels
