"""JSON values as columns of texts: nested fields joined with dots, numbers and booleans as written."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ftcore.data.tables import label_studio
from ftcore.data.tables.table_format import ROW

PARSE_AS_WRITTEN: dict[str, Any] = {  # numbers are texts, and NaN is null
    "parse_int": str,
    "parse_float": str,
    "parse_constant": lambda word: None,
}
Value = str | list[str | None] | None


def fault(error: json.JSONDecodeError) -> str:
    """What Python's parser expected."""
    return error.msg.removesuffix(" at")


def parse(text: str | bytes) -> Any:
    """Parse JSON; numbers become texts, as they are written. Raises ValueError."""
    try:
        return json.loads(text, **PARSE_AS_WRITTEN)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def flatten(value: Any) -> dict[str, Value]:
    """Return a parsed record as columns, which hold texts, or lists of texts.

    Lists of lists or objects become texts. What is no object has numbered columns, or one named text.
    """
    match value:
        case dict() if label_studio.is_task(value):
            return dict(_fields(label_studio.simplified(value), ""))
        case dict():
            return dict(_fields(value, ""))
        case list():
            return {f"column {number}": _column(item) for number, item in enumerate(value, 1)}
    return {"text": _column(value)}


def columns_of(records: Sequence[dict[str, Value]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns of records in the order of their first appearance, and those with lists."""
    columns = dict.fromkeys(name for fields in records for name in fields if _can_be_column(name))
    lists = {
        name for fields in records for name, value in fields.items() if isinstance(value, list)
    }
    return tuple(columns), tuple(column for column in columns if column in lists)


def _can_be_column(name: str) -> bool:
    """Whether a name is no half of a surrogate pair, and not that of the rows' numbers."""
    return name != ROW and name.encode("utf-8", "replace").decode() == name


def _fields(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, Value]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _fields(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _column(item)


def _column(item: Any) -> Value:
    if isinstance(item, list) and not any(isinstance(part, list | dict) for part in item):
        return [_text(part) for part in item]
    return _text(item)


def _text(item: Any) -> str | None:
    if item is None or isinstance(item, str):
        return item
    return json.dumps(item, ensure_ascii=False)  # true, false; lists and objects
