"""Rows of a sheet of a spreadsheet as record batches, by openpyxl; of formulas, their stored values."""

import datetime
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, repeat
from typing import IO, TYPE_CHECKING, Any

from ftcore.data.tables import batches, dialects, layouts
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.members import SPREADSHEET
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat, unique
from ftcore.errors import UnfreezeError, UsageError
from ftcore.formatting import listing
from ftcore.validation import choose_from, printable

if TYPE_CHECKING:
    import pyarrow as pa

_LOOKED_AT = 200  # rows that tell the columns
_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")
_FORMULA = re.compile(rb"<f[ />]")


@dataclass
class _Book:
    """A spreadsheet: the stored values, and the formulas if there are any."""

    values: Any
    formulas: Any

    def rows(self, sheet: str) -> Iterator[tuple[list[str | None], int]]:
        """Yield the rows that are not empty as texts, and how many of their formulas have no value."""
        formulas = _raw_rows(self.formulas[sheet]) if self.formulas else repeat(())
        for values, written in zip(_raw_rows(self.values[sheet]), formulas, strict=False):
            texts = [_text(value) for value in values]
            while texts and texts[-1] is None:
                texts.pop()
            pairs = zip(values, written, strict=False)
            unknown = sum(value is None and formula is not None for value, formula in pairs)
            if texts or unknown:
                yield texts, unknown


def recognize(source: Source, sheet: str, header: bool | None) -> TableFormat:
    """Return the sheet that is read and its columns. Raises UnfreezeError.

    `sheet` is the one that a user names, else the one with the most cells among its first rows.
    """
    with _opened(source) as book:
        sheets = [worksheet.title for worksheet in book.values.worksheets]
        if sheet and sheet not in sheets:
            raise UsageError(
                f"{source.name} has no sheet {printable(sheet)!r}; {choose_from(sheet, sheets)}"
            )
        first = {
            name: [texts for texts, _ in islice(book.rows(name), _LOOKED_AT)]
            for name in ([sheet] if sheet else sheets)
        }
    filled = [name for name, rows in first.items() if rows]
    if not filled:
        raise UnfreezeError(f"{source.name} has no rows: give a file that has texts.")
    name = max(filled, key=lambda name: sum(len(row) for row in first[name] if len(row) > 1))
    notes = list[str]()
    if len(filled) > 1:
        notes.append(f"Of the sheets {printable(listing(sheets))}, {printable(name)} is read.")
    names, above = _find_header(first[name], header)
    return TableFormat(
        "xlsx",
        unique(names or [""] * max(map(len, first[name]))),
        header=bool(names),
        above=above,
        sheet=name,
        splits=tuple(filled) if layouts.are_splits(filled) else (),
        notes=tuple(notes),
    )


def _find_header(rows: list[list[str | None]], header: bool | None) -> tuple[tuple[str, ...], int]:
    """Return the columns' names, none if no row has them, and the number of rows above them."""
    width, above = max(map(len, rows)), 0
    while above < len(rows) - 1 and width > 1 and sum(map(bool, rows[above])) < 2:
        above += 1  # a title
    padded = [[*(text or "" for text in row), *[""] * (width - len(row))] for row in rows[above:]]
    names, is_header, _ = dialects.find_header(padded, 0, header)
    return (names, above) if is_header else ((), 0)


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the rows below the header with their numbers; empty rows are no rows. Raises UnfreezeError."""
    rows = batches.Rows(form.columns, (), aside)
    without_value = 0
    with _opened(source) as book:
        above = form.above + 1 if form.header else 0
        for number, (texts, unknown) in enumerate(islice(book.rows(form.sheet), above, None)):
            rows.add(number, dict(zip(form.columns, texts, strict=False)))
            without_value += unknown
            if rows.are_many:
                yield rows.batch()
    yield rows.batch()
    if without_value:
        formulas = "1 formula has" if without_value == 1 else f"{without_value:,} formulas have"
        aside.notes.append(
            f"{formulas} no stored value: open {source.name} in a spreadsheet program and save it."
        )


@contextmanager
def _opened(source: Source) -> Iterator[_Book]:
    """Yield a spreadsheet. Raises UnfreezeError, also for faults that are met on the way."""
    import openpyxl

    with source.random_access() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and forms that openpyxl does not know
        try:
            _check_kind(file, source)
            book = _Book(openpyxl.load_workbook(file, read_only=True, data_only=True), None)
            if _has_formulas(file):
                book.formulas = openpyxl.load_workbook(file, read_only=True)
            yield book
        except UnfreezeError:
            raise
        except Exception as error:  # openpyxl lets errors of many kinds through
            raise UnfreezeError(
                f"{source.name} cannot be read as a spreadsheet ({type(error).__name__}): "
                "save it as .xlsx anew, or as CSV."
            ) from error


def _check_kind(file: IO[bytes], source: Source) -> None:
    with zipfile.ZipFile(file) as archive:
        if SPREADSHEET not in archive.namelist():
            raise UnfreezeError(
                f"{source.name} is an archive of several files inside another: unpack it first."
            )
    file.seek(0)


def _has_formulas(file: IO[bytes]) -> bool:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                with archive.open(name) as sheet:
                    end = b""
                    while block := sheet.read(1 << 20):
                        if _FORMULA.search(end + block):
                            return True
                        end = block[-2:]
    return False


def _raw_rows(worksheet: Any) -> Iterator[tuple[Any, ...]]:
    worksheet.reset_dimensions()  # the stated ones may be wrong, and cells would be missed
    return worksheet.iter_rows(values_only=True)


def _text(value: Any) -> str | None:
    """Return a cell as it would stand in a CSV file; None for an empty one and for an error."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(" ")
    return None if value in (None, "", *_ERRORS) else str(value)
