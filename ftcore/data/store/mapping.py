"""Which columns hold the texts, the labels, the split and the groups; what a user does not say is guessed."""

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ftcore import validation
from ftcore.data.store import indicators
from ftcore.errors import UsageError
from ftcore.formatting import few_names, listing

Values = Sequence[str | list[str] | None]
"""Some rows of a column."""

_SPELLINGS = {
    "train": ("train", "training", "trn", "learn"),
    "validation": ("validation", "validate", "valid", "val", "dev", "devel", "development", "eval"),
    "test": ("test", "testing", "tst", "heldout", "held-out", "held out"),
}
PART_OF = {spelling: part for part, spellings in _SPELLINGS.items() for spelling in spellings}
"""Part of the split by each of its usual spellings, in lower case."""

_LABEL_NAMES = (  # the likelier, the earlier
    *("label", "labels", "class", "category", "sentiment", "intent", "topic", "target", "emotion"),
    *("polarity", "tag", "tags", "genre", "label_text", "label_name", "class_name", "coarse_label"),
)
_FIGURES = (
    "y",
    "rating",
    "ratings",
    "stars",
    "star",
    "score",
    "overall",
)  # labels only if they have few values
_TEXT_NAMES = (
    *("text", "texts", "review", "sentence", "content", "body", "comment", "message", "tweet"),
    *("document", "description", "post", "utterance", "question", "headline", "abstract"),
)
_MOST_GUESSED = 300  # classes of a column whose name does not say that it holds labels
_FULL = 0.95  # share of rows with a value, of a column that more likely holds labels than one with fewer
_WORDS, _DISTINCT = (
    3,
    0.9,
)  # words of a value on average, and distinct values a row, of a column of texts
_SHOWN = 5  # columns in a sentence
_LETTERS = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+")


@dataclass(frozen=True)
class Columns:
    """The columns of a file that are used."""

    text: tuple[str, ...] = ()
    """Joined by a separator if there are several."""
    label: str | None = ""
    """None: no column is one of labels, even if it looks like one."""
    split: str | None = ""
    """None: no column is one of a split, even if it looks like one."""
    group: str = ""
    """Texts with the same value in it stay in one part of the split."""
    indicators: tuple[str, ...] = ()
    """In place of a label column: each says 1 or 0 for the label that it is named after."""

    def names(self) -> list[str]:
        others = filter(None, (self.label, self.split, self.group))
        return [*self.text, *others, *self.indicators]


def complete(
    given: Columns, sample: Mapping[str, Values], from_names: Sequence[str] = ()
) -> Columns:
    """Return the given columns, and guesses for text, label and split from some rows of each column.

    from_names: columns that names of files say, such as that of the split. The label is "" if no column can
    be one. Raises UsageError if a given column is not there, or none can be the text.
    """
    has_split, has_label = given.split is not None, given.label is not None
    given = replace(
        given,
        text=tuple(_find(name, sample) for name in given.text),
        label=_find(given.label or "", sample),
        split=_find(given.split or "", sample),
        group=_find(given.group, sample),
        indicators=tuple(_find(name, sample) for name in given.indicators),
    )
    _refuse_twice(given)
    indicators.check(given.indicators, sample)
    free = {name: values for name, values in sample.items() if name not in given.names()}
    split = given.split or (_guess_split(free, from_names) if has_split else "")
    free.pop(split, None)
    label, text = given.label, given.text
    several = given.indicators
    if has_label and not label and not several:
        several = _guess_indicators(free)
        free = {name: values for name, values in free.items() if name not in several}
    if has_label and not label and not several:
        label = _guess_label(free, "" if text else _longest(free))
        free.pop(label, None)
    text = text or (_guess_text(free),)
    if not all(text):
        shown = listing([validation.printable(repr(name)) for name in sample])
        raise UsageError(f"No column was found that holds texts: name it (--text) among {shown}.")
    label = label if has_label else None
    return replace(given, text=text, label=label, split=split, indicators=several)


def says_label(sample: Mapping[str, Values]) -> bool:
    """Whether the name of a column says that it holds labels, so that its values need not tell."""
    return bool(_named_like_labels(sample))


def doubts(given: Columns, completed: Columns, sample: Mapping[str, Values]) -> list[str]:
    """Return sentences about other columns that could be the text or the label, where a user named none."""
    free = {name: values for name, values in sample.items() if name not in completed.names()}
    sentences = []
    if completed.indicators and not given.indicators:
        shown = few_names([validation.printable(repr(name)) for name in completed.indicators])
        sentences.append(
            f"The columns {shown} hold 1 or 0, so each is a label of its own. If they are not, "
            "name the columns of labels (--label)."
        )
    if completed.label and not given.label:
        others = _named_like_labels(free)
        if not says_label(sample) and _parts(completed.label).isdisjoint(_FIGURES):
            others = [name for name in free if _are_few(free[name]) and _is_full(free[name])]
        sentences += _doubt(others, "labels", completed.label)
    if not given.text:
        others = [name for name in free if _holds_texts(free[name])]
        sentences += _doubt(others, "texts", completed.text[0])
    return sentences


def _doubt(others: Sequence[str], what: str, taken: str) -> list[str]:
    if not others:
        return []
    columns = "column" if len(others) == 1 else "columns"
    shown, chosen = (
        listing([validation.printable(repr(name)) for name in names])
        for names in (others[:_SHOWN], [taken])
    )
    return [f"The {columns} {shown} could hold the {what}, too, and {chosen} was taken."]


def joined_by(values: Values) -> str:
    """Return what seems to separate several labels in one value, as in "a|b"; "" if nothing does."""
    different = {value for value in values if isinstance(value, str)}
    for mark in ("|", ";", ","):
        parts = {part.strip() for value in different for part in value.split(mark)} - {""}
        if 2 <= len(parts) <= len(different) / 2:
            return mark
    return ""


def _find(name: str, columns: Mapping[str, Values]) -> str:
    """Return the name of a column that a user gave, perhaps in another case. Raises UsageError."""
    if not name or name in columns:
        return name
    similar = [column for column in columns if column.strip().lower() == name.strip().lower()]
    if len(similar) == 1:
        return similar[0]
    shown = validation.printable(name)
    names = [validation.printable(column) for column in columns]
    raise UsageError(f"There is no column {shown!r}; {validation.choose_from(shown, names)}")


def _refuse_twice(columns: Columns) -> None:
    names = columns.names()
    for name in names:
        if names.count(name) > 1:
            shown = validation.printable(name)
            raise UsageError(f"The column {shown!r} is named twice: give each its own.")


def _guess_split(columns: Mapping[str, Values], from_names: Sequence[str]) -> str:
    """Return a column whose values are names of at least two parts of a split; "" if there is none."""
    for name, values in columns.items():
        spelled = {value.strip().lower() for value in values if isinstance(value, str)} - {""}
        named = name.strip().lower() in ("split", "part", "partition", "set", "subset", "fold")
        least = 0 if named and name in from_names else 1 if named else 2
        if spelled <= PART_OF.keys() and len({PART_OF[s] for s in spelled}) >= least:
            return name
    return ""


def _guess_label(columns: Mapping[str, Values], text: str) -> str:
    """Return the column whose name says that it holds labels, else the one with the fewest values, or "".

    text: a column that holds labels only if its name says so.
    """
    if named := _named_like_labels(columns):
        return named[0]
    others = {name: values for name, values in columns.items() if name != text}
    likely = {name: _distinct(values) for name, values in others.items() if _are_few(values)}
    figures = [name for name in likely if not _parts(name).isdisjoint(_FIGURES)]
    likely = {name: size for name, size in likely.items() if _is_full(columns[name])} or likely
    return figures[0] if figures else min(likely, key=lambda name: likely[name], default="")


def _guess_indicators(columns: Mapping[str, Values]) -> tuple[str, ...]:
    """Return columns of 1 and 0 that are labels; none if another column is named like one of labels."""
    found = indicators.find(columns)
    others = {name: values for name, values in columns.items() if name not in found}
    is_label = any(name.strip().lower() in _LABEL_NAMES for name in found)
    figures = [name for name in others if not _parts(name).isdisjoint(_FIGURES)]
    is_label |= any(_are_few(others[name]) for name in figures)
    return () if is_label or _named_like_labels(others) else found


def _named_like_labels(columns: Mapping[str, Values]) -> list[str]:
    """Return the columns whose names say that they hold labels, the likeliest first.

    A name that merely begins or ends so, such as airline_sentiment, counts if the values are few.
    """
    exact = [name for known in _LABEL_NAMES for name in columns if known in _parts(name)]
    few = [name for name, values in columns.items() if _are_few(values) and _is_full(values)]
    similar = [
        name
        for known in _LABEL_NAMES
        for name in few
        if known in (_words(name)[-1:] + _words(name)[:1])
    ]
    return list(dict.fromkeys([*exact, *similar]))


def _are_few(values: Values) -> bool:
    """Whether values are few enough for classes."""
    return 2 <= _distinct(values) <= min(_MOST_GUESSED, len(values) // 2)


def _is_full(values: Values) -> bool:
    return sum(map(bool, values)) >= _FULL * len(values)


def _holds_texts(values: Values) -> bool:
    """Whether values are of several words, and hardly any comes again; an address or a path is one word."""
    texts = [value for value in values if isinstance(value, str)]
    words = statistics.fmean(map(_count_words, texts)) if texts else 0
    return words >= _WORDS and len(set(texts)) >= _DISTINCT * len(values)


def _count_words(text: str) -> int:
    is_one = text.isascii() and not any(map(str.isspace, text.strip()))
    return 1 if is_one else len(_LETTERS.findall(text))


def _guess_text(columns: Mapping[str, Values]) -> str:
    """Return the column "text", else that with the longest values; of similar ones, one with a usual name."""
    for name, values in columns.items():
        if name.strip().lower() == "text" and any(values):
            return name
    lengths = {name: _mean_length(values) for name, values in columns.items()}
    longest = max(lengths.values(), default=0.0)
    if not longest:
        return ""
    similar = [name for name in lengths if lengths[name] >= longest / 2]
    usual = [name for name in similar if not _parts(name).isdisjoint(_TEXT_NAMES)]
    return (usual or [_longest(columns)])[0]


def _parts(name: str) -> set[str]:
    """Return the parts of a name, which is one of nested fields if it has dots, in lower case."""
    return set(name.strip().lower().split("."))


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case, without numbers: "airline_sentiment", "Category1"."""
    return [word.lower() for word in _WORD.findall(name)]


def _longest(columns: Mapping[str, Values]) -> str:
    return max(columns, key=lambda name: _mean_length(columns[name]), default="")


def _mean_length(values: Values) -> float:
    return statistics.fmean(len(v) if isinstance(v, str) else 0 for v in values) if values else 0.0


def _distinct(values: Values) -> int:
    return len({tuple(value) if isinstance(value, list) else value for value in values if value})
