"""The texts, labels, parts and groups of one or more files, in memory, as they stand there."""

import itertools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore import validation
from ftcore.data import hub_datasets
from ftcore.data.store import column_values, indicators
from ftcore.data.store.card import NUMBERS, TRAIN
from ftcore.data.store.mapping import (
    Columns,
    Values,
    complete,
    doubts,
    joined_by,
    says_label,
)
from ftcore.data.store.request import Request
from ftcore.data.tables import class_names, reading, recognition, sources
from ftcore.data.tables.table_format import ROW, BadRow, TableFormat
from ftcore.errors import UsageError
from ftcore.events import Task

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE, _SAMPLE_OF_BATCH = (
    5_000,
    200,
)  # rows from which columns are guessed: the first, and later ones


@dataclass
class Report:
    """What to say of data that is added."""

    notes: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    """Rows by reason."""
    aside: list[BadRow] = field(default_factory=list)
    """Rows that cannot be read."""
    files: list[dict[str, Any]] = field(default_factory=list)
    """Path, size and form of each."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    """As `Card.findings`."""

    def leave_out(self, reason: str, count: int) -> None:
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + int(count)


@dataclass
class Collected:
    """Batches of rows that have a text."""

    columns: Columns
    multi_label: bool
    report: Report
    texts: "list[pa.Array]" = field(default_factory=list)
    labels: "list[pa.Array]" = field(default_factory=list)
    """Texts, or lists of texts if `multi_label`; null for a text without a label."""
    groups: "list[pa.Array]" = field(default_factory=list)
    parts: list[np.ndarray] = field(default_factory=list)
    """uint8: TEST, VALIDATION or TRAIN; texts of no part are for training, until some are drawn."""
    rows: list[np.ndarray] = field(default_factory=list)
    """int64: 0-based rows of the file."""
    origins: "list[pa.Array]" = field(default_factory=list)
    """Who gave each label; none if all are those of a file."""
    classes: tuple[str, ...] = ()
    """Classes that there are also without a text."""
    named: dict[str, str] = field(default_factory=dict)
    """Names of classes that are numbers in the files."""


def collect(request: Request, report: Report) -> Task[Collected]:
    """Read all files of a request, and report on them. Raises UnfreezeError."""
    given = {"": request.file, "validation": request.validation, "test": request.test}
    paths = {}
    for part, text in given.items():
        if text:
            paths[part] = yield from located(text)
    with ExitStack() as reading_all:
        for path in paths.values():
            reading_all.enter_context(sources.stable(path))
        return (yield from _collect(request, paths, report))


def _collect(request: Request, paths: Mapping[str, Path], report: Report) -> Task[Collected]:
    forms = {
        part: recognition.recognize(
            path, request.encoding, request.delimiter, request.header, request.sheet
        )
        for part, path in paths.items()
    }
    _refuse_ignored(request, list(forms.values()))
    rows = yield from sample(paths[""], forms[""])
    columns = complete(request.columns, rows, forms[""].from_names)
    report.notes += doubts(request.columns, columns, rows)
    for part in list(paths)[1:]:
        # Perhaps only validation and test texts have labels.
        if columns.label == "" and not columns.indicators:
            of_part = yield from sample(paths[part], forms[part])
            label = complete(Columns(columns.text, split=None), of_part).label
            columns = replace(columns, label=label)
    multi_label = bool(request.label_separator or columns.indicators) or any(
        columns.label in form.lists for form in forms.values()
    )
    if not multi_label and (joint := joined_by(rows.get(columns.label or "", ()))):
        report.notes.append(
            f"The labels look like several in one value, separated by {joint!r} (--label-separator)."
        )
    collected = Collected(columns, multi_label, report, classes=columns.indicators)
    collected.named = class_names.of(forms[""].class_names, rows.get(columns.label or "", ()))
    if collected.named:
        report.notes.append(
            "The numbers of classes have the names that a file beside the texts has."
        )
    for part, path in paths.items():
        yield from _read(path, forms[part], part, request, collected)
    return collected


def _refuse_ignored(request: Request, forms: Sequence[TableFormat]) -> None:
    """Raise UsageError if something is said about how files are read that none of them has."""
    read = [*forms, *(own for form in forms for _, own in form.files)]
    kinds = {form.kind for form in read}
    ignored = {
        "sheet": request.sheet and "xlsx" not in kinds,
        "delimiter": request.delimiter and "csv" not in kinds,
        "header": request.header is not None and kinds.isdisjoint(("csv", "xlsx")),
        "encoding": request.encoding and not any(form.encoding for form in read),
    }
    for what in (what for what, is_ignored in ignored.items() if is_ignored):
        shown = validation.printable(Path(request.file).name)
        raise UsageError(
            f"{shown} is read as {forms[0].kind}, which has no {what} to choose: omit --{what}."
        )


def located(text: str) -> Task[Path]:
    """Return the path that a user gives, or the folder of a dataset of the Hub, which is downloaded."""
    if hub_datasets.is_name(text):
        return (yield from hub_datasets.fetch(hub_datasets.describe(text)))
    return validation.existing_path(text)


def sample(path: Path, form: TableFormat) -> Task[dict[str, Values]]:
    """Return rows of each column of a file: the first, and later ones if only values can tell the labels.

    A file may be sorted by its labels.
    """
    sampled: list[pa.RecordBatch] = []

    def keep(batch: "pa.RecordBatch") -> None:
        first = 0 if sampled else _SAMPLE
        step = max(1, len(batch) // _SAMPLE_OF_BATCH)
        places = [*range(min(first, len(batch))), *range(first, len(batch), step)]
        sampled.append(batch.take(places))

    task = reading.read(path, form, keep)
    for progress in task:
        yield progress
        if sampled and says_label(_columns(sampled[:1], form)):
            break
        if sampled:
            yield from task
    if not sampled:
        raise UsageError(
            f"{validation.printable(path.name)} has no rows: give a file that has texts."
        )
    return _columns(sampled, form)


def _columns(batches: "list[pa.RecordBatch]", form: TableFormat) -> dict[str, Values]:
    return {name: [v for b in batches for v in b[name].to_pylist()] for name in form.columns}


def _read(
    path: Path, form: TableFormat, part: str, request: Request, collected: Collected
) -> Task[None]:
    """Add the rows of a file, which are all of one `part` of the split if that is given."""
    columns = collected.columns
    has_labels = columns.label in form.columns
    has_indicators = bool(columns.indicators) and set(columns.indicators) <= set(form.columns)
    absent = {columns.split if part else "", "" if has_labels else columns.label}
    absent |= set() if has_indicators else set(columns.indicators)
    wanted = [name for name in columns.names() if name not in absent]

    def keep(batch: "pa.RecordBatch") -> None:
        import pyarrow as pa

        texts = column_values.texts(batch, columns.text, request.separator)
        if has_indicators:
            labels = indicators.lists(batch, columns.indicators)
        else:
            values = batch[columns.label] if has_labels else pa.nulls(len(batch), pa.string())
            values = column_values.named(values, collected.named) if collected.named else values
            labels = column_values.labels(values, collected.multi_label, request)
        usable = texts.is_valid()
        collected.report.leave_out("empty text", texts.null_count)
        collected.texts.append(texts.filter(usable))
        collected.labels.append(labels.filter(usable))
        parts = np.full(len(batch), NUMBERS.get(part, TRAIN), np.uint8)
        if columns.split and not part:
            parts = column_values.parts(batch[columns.split], columns.split)
        kept = usable.to_numpy(zero_copy_only=False)
        collected.parts.append(parts[kept])
        collected.rows.append(batch[ROW].to_numpy()[kept])
        if columns.group:
            collected.groups.append(batch[columns.group].filter(usable))

    outcome = yield from reading.read(path, form, keep, wanted)
    report = collected.report
    report.leave_out("unreadable row", outcome.bad)
    report.aside += outcome.aside
    report.notes += [*form.notes, *outcome.notes]
    about = {
        "path": request.shown(str(path)),
        "bytes": _size(path),
        "part": part,
        "rows": outcome.rows,
    }
    names = [name for name, _ in form.files]
    report.files.append(about | asdict(replace(form, files=())) | {"files": names})


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in itertools.chain(files) if file.is_file())
