"""Tables in one folder or archive as one table: those of a split, or the parts of a large one."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from ftcore.data.tables import layouts
from ftcore.data.tables.table_format import TableFormat
from ftcore.errors import UnfreezeError
from ftcore.formatting import listing
from ftcore.validation import printable

_FIELDS_BY_NAME = {"json", "jsonl"}  # kinds in which a record may lack a field
_SHOWN = 10  # columns in a sentence


def main(forms: Mapping[str, TableFormat], where: str) -> TableFormat:
    """Return the form of the table whose columns count: of the training texts, or one like most others.

    Raises UnfreezeError if there is none.
    """
    alike = Counter(frozenset(form.columns) for form in forms.values())
    likely = [name for name in forms if layouts.split_of(name) == "train"] or list(forms)
    best = max(likely, key=lambda name: alike[frozenset(forms[name].columns)])
    others = [name for name in likely if set(forms[name].columns) != set(forms[best].columns)]
    if 2 * len(others) >= len(likely):
        names = listing([printable(best), printable(others[0])])
        raise UnfreezeError(f"{names} in {where} do not have the same columns: give one of them.")
    return forms[best]


def joined(forms: Mapping[str, TableFormat], main: TableFormat) -> TableFormat:
    """Return the form of the tables that have the columns of the main one; others are left out and named.

    The split that names of files say becomes a column.
    """
    files = list[tuple[str, TableFormat]]()
    notes = list[str]()
    for name, form in forms.items():
        if {form.kind, main.kind} <= _FIELDS_BY_NAME and _share_fields(form, main):
            form = replace(form, columns=main.columns, lists=main.lists)
        if set(form.columns) == set(main.columns):
            files.append((name, form))
        else:
            have = listing([printable(column) for column in form.columns[:_SHOWN]])
            notes.append(f"{printable(name)} was left out: its columns are not the same ({have}).")
    notes += dict.fromkeys(note for _, form in files for note in form.notes)
    splits = {layouts.split_of(name) for name, _ in files}
    given = (layouts.SPLIT,) if len(splits) > 1 and layouts.SPLIT not in main.columns else ()
    if given and "" in splits:
        unnamed = [printable(name) for name, _ in files if not layouts.split_of(name)]
        are = "is" if len(unnamed) == 1 else "are"
        notes.append(f"{listing(unnamed)} {are} for training, as no split is in the name.")
    columns = (*main.columns, *given)
    return replace(main, columns=columns, from_names=given, files=tuple(files), notes=tuple(notes))


def _share_fields(form: TableFormat, main: TableFormat) -> bool:
    """Whether records have enough fields of those of others, as fields without a value may be absent."""
    return 2 * len(set(form.columns) & set(main.columns)) > len(main.columns)
