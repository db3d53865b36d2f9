"""Values of a label column as classes: spellings merged, renamed and dropped, and what cannot be classes."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftcore import validation
from ftcore.data.store.request import Request
from ftcore.errors import UsageError
from ftcore.formatting import listing

MAX_CLASSES = 1_000
_SURELY_CLASSES = (
    20  # a column with so many values or fewer is no free text, however few rows it has
)
_FREE_TEXT = 0.5  # values per labelled text, from which a label column holds free text
_SHOWN = 5  # examples in a sentence
_SEPARATORS = (",", ";", "|")
_SEVERAL, _KNOWN = (
    3,
    0.9,
)  # values with a separator, and the share of their parts that are labels, too
_WHOLE = re.compile(r"(-?\d+)\.0+")
_MISSING = ("", "nan")  # of a spreadsheet or of pandas


@dataclass(frozen=True)
class Classes:
    """The classes, in order, and what each value of the column stands for."""

    names: tuple[str, ...]
    of_value: dict[str, int | None]
    """Position in `names`; None if the label is dropped. Missing labels are not in it."""
    notes: tuple[str, ...]


def is_missing(value: str | None) -> bool:
    """Whether a value of the label column is no label."""
    return value is None or value.strip().lower() in _MISSING


def classes(
    counts: Mapping[str, int], request: Request, column: str, partly: bool = False
) -> Classes:
    """Return the classes that the values of a column stand for, given how often each occurs.

    partly: other texts have no label yet, so one class or none is enough. Raises UsageError if they are fewer
    than two or too many, or a label to change is not among them.
    """
    counts = {value: count for value, count in counts.items() if not is_missing(value)}
    if not counts and partly and not (request.rename_labels or request.drop_labels):
        return Classes((), {}, ())
    if not counts:
        raise UsageError(f"The column {_shown(column)} has no labels: name another (--label).")
    spelled = {value: value for value in counts} if request.keep_labels else merged(counts)
    notes = [] if request.keep_labels else _merge_notes(spelled, counts)
    notes += [] if request.label_separator else _several_notes(counts)
    known = set(spelled.values())
    renamed = {_known(old, known): new.strip() for old, new in request.rename_labels.items()}
    dropped = {_known(label, known) for label in request.drop_labels}
    named = {
        value: None if label in dropped else renamed.get(label, label)
        for value, label in spelled.items()
    }
    if "" in named.values():
        raise UsageError("A label needs a name: rename it to something else than nothing.")
    names = sorted({label for label in named.values() if label is not None}, key=_order)
    _check(
        names, Counter({value: counts[value] for value in named if named[value]}), column, partly
    )
    numbers = {label: number for number, label in enumerate(names)}
    of_value = {v: None if label is None else numbers[label] for v, label in named.items()}
    return Classes(tuple(names), of_value, tuple(notes))


def merged(counts: Mapping[str, int]) -> dict[str, str]:
    """Return the label of each value: the commonest spelling without regard to case and outer space."""
    tidy = {value: value.strip() for value in counts}
    if all(_WHOLE.fullmatch(label) or label.lstrip("-").isdigit() for label in tidy.values()):
        # A column of numbers with gaps is written as 1.0 by many programs.
        tidy = {value: _WHOLE.sub(r"\1", label) for value, label in tidy.items()}
    spellings: dict[str, Counter[str]] = {}
    for value, label in tidy.items():
        spellings.setdefault(label.casefold(), Counter())[label] += counts[value]
    commonest = {
        folded: min(found, key=lambda label: (-found[label], label))
        for folded, found in spellings.items()
    }
    return {value: commonest[label.casefold()] for value, label in tidy.items()}


def _merge_notes(spelled: Mapping[str, str], counts: Mapping[str, int]) -> list[str]:
    """Return a sentence about labels that were merged, if any."""
    others = [value for value, label in spelled.items() if value != label]
    merged = [value for value in others if not _WHOLE.fullmatch(value)]
    if not merged:
        return []
    texts = sum(counts[value] for value in merged)
    shown = [f"{_shown(value)} to {_shown(spelled[value])}" for value in merged[:_SHOWN]]
    if len(merged) > _SHOWN:
        shown.append(f"{len(merged) - _SHOWN:,} more")
    have = "1 text has" if texts == 1 else f"{texts:,} texts have"
    return [
        f"Labels that differ only by case or outer space were merged ({have} another spelling): "
        f"{listing(shown)}."
    ]


def _several_notes(counts: Mapping[str, int]) -> list[str]:
    """Return a sentence about labels that seem to be several in one value, such as "2,5"."""
    for separator in _SEPARATORS:
        several = [value for value in counts if separator in value]
        parts = {part.strip() for value in several for part in value.split(separator)}
        if len(several) >= _SEVERAL and len(parts & counts.keys()) >= _KNOWN * len(parts):
            values = f"{len(several):,} different labels, such as {_shown(several[0])},"
            return [
                f"{values} seem to be several labels of a text: if so, name {separator!r} as what "
                "separates them."
            ]
    return []


def _known(label: str, known: set[str]) -> str:
    """Return a label that a user names, perhaps in another case. Raises UsageError."""
    similar = [name for name in known if name.casefold() == label.strip().casefold()]
    if label in known or len(similar) == 1:
        return label if label in known else similar[0]
    shown = validation.printable(label)
    some = [validation.printable(name) for name in sorted(known, key=_order)[:30]]
    raise UsageError(f"There is no label {shown!r}; {validation.choose_from(shown, some)}")


def _check(names: Sequence[str], counts: Counter[str], column: str, partly: bool) -> None:
    """Raise UsageError unless names can be classes of as many texts as `counts` has."""
    texts, where = counts.total(), f"the column {_shown(column)}"
    if len(names) == 1 and not partly:
        raise UsageError(
            f"All {texts:,} labels in {where} are {_shown(names[0])}, and a classifier needs two classes "
            "or more: name another column (--label)."
        )
    if not names:
        raise UsageError("All labels are dropped: keep at least two.")
    if len(names) > max(_SURELY_CLASSES, _FREE_TEXT * texts):
        raise UsageError(
            f"In {where}, {texts:,} texts have {len(names):,} different labels, so it seems to hold free "
            "text: name another column (--label)."
        )
    if len(names) > MAX_CLASSES:
        raise UsageError(
            f"There are {len(names):,} different labels in {where}, and at most {MAX_CLASSES:,} can be "
            "classes: name another column (--label), or merge some before."
        )


def _order(label: str) -> tuple[bool, float, str, str]:
    """Sort numbers by value, before words without regard to case."""
    try:
        return False, float(label), "", label
    except ValueError:
        return True, 0.0, label.casefold(), label


def _shown(label: str) -> str:
    return validation.printable(repr(label))
