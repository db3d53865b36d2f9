"""What kind of table a file holds and how it is written: guessed from its first part, and correctable."""

from dataclasses import dataclass, replace
from pathlib import Path

from ftcore.data import archives
from ftcore.data.tables import (
    class_names,
    containers,
    dialects,
    encodings,
    json_rows,
    json_values,
    layouts,
    parquet_rows,
    several_tables,
    sources,
    text_rows,
    xlsx_rows,
)
from ftcore.data.tables.containers import Container
from ftcore.data.tables.layouts import Layout
from ftcore.data.tables.table_format import TableFormat, unique
from ftcore.errors import UnfreezeError, UsageError
from ftcore.validation import printable

_SAMPLE = 1_000_000  # bytes
_CSV = (".csv", ".tsv", ".tab")
_OLD_DOCUMENT = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class Said:
    """What is said of a file; "" and None where nothing is said. No user says the field of a document."""

    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None
    sheet: str = ""
    field: str = ""


def recognize(
    path: Path, encoding: str = "", delimiter: str = "", header: bool | None = None, sheet: str = ""
) -> TableFormat:
    """Return how to read a file, a folder or a zip archive. Raises UnfreezeError if it holds no table.

    What a user says takes the place of what would be recognized; "" and None say nothing.
    """
    if len(delimiter) > 1 or not delimiter.isascii() or delimiter in ("\n", "\r", "\0", '"'):
        raise UsageError(
            f"{printable(delimiter)!r} cannot be a delimiter: give one character, such as ;."
        )
    said = Said(encodings.check(encoding) if encoding else "", delimiter, header, sheet)
    with containers.opened(path) as container:
        layout = layouts.find(container)
        if layout.kind == "text" and _are_tables(container, layout, said):
            layout = layouts.of_tables([part.name for part in layout.parts])
        describe = _tables if layout.kind == "table" else _texts
        form = describe(container, layout, said)
        if layout.class_names:
            with container.open(layout.class_names) as source:
                form = replace(form, class_names=class_names.read(source))
    beside = path.with_name(class_names.USUAL)
    if path.is_file() and not container.compression and beside != path and beside.is_file():
        with sources.opened(beside) as source:
            form = replace(form, class_names=class_names.read(source))
    notes = (*layout.notes, *form.notes)
    return replace(form, compression=container.compression or form.compression, notes=notes)


def _tables(container: Container, layout: Layout, said: Said) -> TableFormat:
    """The form of one table, or of several with the same columns; others are left out."""
    tables = [
        (part.name, form) for part in layout.parts for form in _in_file(container, part.name, said)
    ]
    if len(tables) == 1:
        return tables[0][1]
    main = several_tables.main(tables, sources.shown(container.path))
    for place, (name, form) in enumerate(tables):
        if form.kind == main.kind == "csv" and set(form.columns) != set(main.columns):
            tables[place] = name, _table(container, name, replace(said, header=main.header))
    return several_tables.joined(tables, main)


def _in_file(container: Container, name: str, said: Said) -> list[TableFormat]:
    """The forms of the tables in one file: one, or those of a split in sheets or fields of their own."""
    form = _table(container, name, said)
    if len(form.splits) < 2:
        return [form]
    is_book = form.kind == "xlsx"
    each_said = [
        replace(said, sheet=each) if is_book else replace(said, field=each) for each in form.splits
    ]
    return [_table(container, name, each) for each in each_said]


def _are_tables(container: Container, layout: Layout, said: Said) -> bool:
    """Whether text files whose names say no class hold tables, or lines with labels."""
    forms = [_table(container, part.name, said) for part in layout.parts]
    if any(form.kind == "text" and not form.labels for form in forms):
        return False
    return layout.has_splits or all(form.labels for form in forms)


def _texts(container: Container, layout: Layout, said: Said) -> TableFormat:
    """The form of files of texts, whose names or folders are their classes."""
    names = [part.name for part in layout.parts]
    step = max(1, len(names) // 200)  # files of all classes
    share = _SAMPLE // min(len(names), 200)
    samples = [_sample(container, name, share)[0] for name in names[::step]]
    encoding, notes = said.encoding, tuple[str, ...]()
    if not encoding:
        encoding, notes = encodings.recognize(b"\n".join(samples), sources.shown(container.path))
    given = (
        *(("label",) if layout.has_labels else ()),
        *((layouts.SPLIT,) if layout.has_splits else ()),
    )
    if layout.kind == "parallel":
        return TableFormat("parallel", ("text", "label", *given), encoding=encoding, notes=notes)
    if layout.kind == "text":
        columns = ("text", *given)
        return TableFormat("text", columns, from_names=given, encoding=encoding, notes=notes)
    return TableFormat("folder", ("text", *given, "file"), encoding=encoding, notes=notes)


def _table(container: Container, name: str, said: Said) -> TableFormat:
    """The form of one file."""
    sample, compression = _sample(container, name, _SAMPLE)
    with container.open(name) as source:
        if sample.startswith(b"PAR1"):
            return replace(parquet_rows.recognize(source), compression=compression)
        if sample.startswith(archives.ZIP):
            form = xlsx_rows.recognize(source, said.sheet, said.header)
            return replace(form, compression=compression)
        if sample.startswith(_OLD_DOCUMENT):
            raise UnfreezeError(
                f"{source.name} is a spreadsheet or a document of an old form: save it as .xlsx or CSV."
            )
        if kind := archives.kind_of(sample):
            raise UnfreezeError(
                f"{source.name} is a {kind} file: unpack it, and give the file that was in it."
            )
        encoding, notes = said.encoding, tuple[str, ...]()
        if not encoding:
            encoding, notes = encodings.recognize(sample, source.name)
        text = encodings.decode(sample, encoding)
        if not text.strip():
            raise sources.no_rows(Path(name))
        is_cut = len(sample) == _SAMPLE
        if records := _json_lines(text, is_cut):
            form = TableFormat("jsonl", *json_values.columns_of(records))
        elif text.lstrip().startswith(("{", "[")):
            form = json_rows.recognize(source, encoding, said.field)
        else:
            form = _csv(text, is_cut, layouts.ending(name), said)
    notes = (*notes, *form.notes)
    return replace(form, encoding=encoding, compression=compression, notes=notes)


def _csv(text: str, is_cut: bool, ending: str, said: Said) -> TableFormat:
    """The form of a table with a delimiter, or of a file with a text a line."""
    lines = text_rows.recognize(text.rpartition("\n")[0] or text if is_cut else text)
    if lines.labels and not said.delimiter and ending not in _CSV:
        return lines
    dialect = dialects.recognize(text, is_cut, said.delimiter, said.header)
    if ending not in _CSV and not said.delimiter and dialect.consistency < dialects.CONSISTENT:
        return lines
    return TableFormat(
        "csv",
        unique(dialect.names),
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header=dialect.header,
        above=dialect.above,
    )


def _sample(container: Container, name: str, size: int) -> tuple[bytes, str]:
    """Return the first bytes of a file, decompressed, and the kind of its compression."""
    with container.open(name) as source:
        return source.start(size), source.compression


def _json_lines(text: str, is_cut: bool) -> list[dict[str, json_values.Value]]:
    """Return the records of a sample of JSON lines; none if it is something else."""
    lines = [line for line in text.split("\n") if line.strip()]
    if is_cut:
        lines = lines[:-1]
    parsed = []
    for line in lines:
        try:
            parsed.append(json_values.parse(line))
        except ValueError:
            continue
    records = [value for value in parsed if isinstance(value, dict)]
    if len(records) < len(lines) / 2:
        return []
    if len(lines) == 1 and _is_document(records[0]):
        return []
    return [json_values.flatten(record) for record in records]


def _is_document(value: dict[str, object]) -> bool:
    """Whether an object has records or columns, and is no record itself."""
    parts = value.values()
    lists_of_objects = (part for part in parts if isinstance(part, list) and part[:1])
    return all(isinstance(part, list | dict) for part in parts) or any(
        isinstance(part[0], dict) for part in lists_of_objects
    )
