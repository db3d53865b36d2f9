"""Tables in one folder or archive as one table: those of a split, or the parts of a large one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ftcore.data.tables import layouts
from ftcore.data.tables.table_format import TableFormat
from ftcore.errors import UnfreezeError
from ftcore.formatting import listing
from ftcore.validation import printable

_FIELDS_BY_NAME = {"json", "jsonl"}  # kinds in which a record may lack a field
_SHOWN = 10  # columns in a sentence


Tables = Sequence[tuple[str, TableFormat]]
"""The file of each table, and its form. A file may have several: sheets, or fields of a JSON document."""


def main(tables: Tables, where: str) -> TableFormat:
    """Return the form of the table whose columns count: of the training texts, or one like most others.

    Raises UnfreezeError if there is none.
    """
    alike = Counter(frozenset(form.columns) for _, form in tables)
    likely = [each for each in tables if split_of(*each) == "train"] or tables
    best = max(likely, key=lambda each: alike[frozenset(each[1].columns)])
    others = [each for each in likely if set(each[1].columns) != set(best[1].columns)]
    if 2 * len(others) >= len(likely):
        names = listing([_title(*best), _title(*others[0])])
        raise UnfreezeError(f"{names} in {where} do not have the same columns: give one of them.")
    return best[1]


def joined(tables: Tables, main: TableFormat) -> TableFormat:
    """Return the form of the tables that have the columns of the main one; others are left out and named.

    The split that names of files, sheets or fields say becomes a column.
    """
    files = list[tuple[str, TableFormat]]()
    notes = list[str]()
    for name, form in tables:
        if {form.kind, main.kind} <= _FIELDS_BY_NAME and _share_fields(form, main):
            form = replace(form, columns=main.columns, lists=main.lists)
        if set(form.columns) == set(main.columns):
            files.append((name, form))
        else:
            have = listing([printable(column) for column in form.columns[:_SHOWN]])
            notes.append(
                f"{_title(name, form)} was left out: its columns are not the same ({have})."
            )
    notes += dict.fromkeys(note for _, form in files for note in form.notes)
    splits = {split_of(name, form) for name, form in files}
    given = (layouts.SPLIT,) if len(splits) > 1 and layouts.SPLIT not in main.columns else ()
    if given and "" in splits:
        unnamed = [_title(name, form) for name, form in files if not split_of(name, form)]
        are = "is" if len(unnamed) == 1 else "are"
        notes.append(f"{listing(unnamed)} {are} for training, as no split is in the name.")
    columns = (*main.columns, *given)
    return replace(
        main, columns=columns, from_names=given, splits=(), files=tuple(files), notes=tuple(notes)
    )


def split_of(name: str, form: TableFormat) -> str:
    """Return the split that the sheet, field or file of a table names; "" if none."""
    return layouts.split_of("/".join(filter(None, (name, form.sheet, form.field))))


def _title(name: str, form: TableFormat) -> str:
    within = form.sheet or form.field
    return printable(f"{within} in {name}" if within else name)


def _share_fields(form: TableFormat, main: TableFormat) -> bool:
    """Whether records have enough fields of those of others, as fields without a value may be absent."""
    return 2 * len(set(form.columns) & set(main.columns)) > len(main.columns)
