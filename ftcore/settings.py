"""Settings: fields of a frozen dataclass, with their help and limits, and the check of their values."""

from dataclasses import Field, field
from typing import Any, Literal, get_args, get_origin

from ftcore import validation
from ftcore.errors import UsageError

Setting = Field[Any]


def setting(
    default: Any, help: str, low: float | None = None, high: float | None = None, label: str = ""
) -> Any:
    """Return a field; `low` and `high` are inclusive, and numbers have both."""
    return field(default=default, metadata=dict(help=help, low=low, high=high, label=label))


def choices(setting: Setting) -> tuple[str, ...]:
    """Return the values that a setting admits, empty if any text or number."""
    return get_args(setting.type) if get_origin(setting.type) is Literal else ()


def label(setting: Setting) -> str:
    """Return the display name of a setting."""
    return setting.metadata["label"] or setting.name.replace("_", " ").capitalize()


def checked(setting: Setting, value: Any) -> Any:
    """Return `value` in the setting's type. Raises UsageError if it is out of range."""
    if allowed := choices(setting):
        return chosen(setting, value, allowed)
    if setting.type is bool:
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise _refused(setting, value, "; choose true or false.")
        return str(value).lower() in ("true", "1")
    if setting.type is str:
        text = str(value).strip()
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise _refused(setting, value, "; remove what is not a character.")
        return text
    try:
        number = setting.type(value)  # type: ignore[operator]
    except (TypeError, ValueError, OverflowError):
        kind = "whole number" if setting.type is int else "number"
        raise _refused(setting, value, f"; give a {kind}.") from None
    low, high = setting.metadata["low"], setting.metadata["high"]
    if not low <= number <= high:
        raise _refused(setting, value, f"; choose from {low:g} to {high:g}.")
    return number


def chosen(setting: Setting, value: Any, allowed: tuple[str, ...]) -> Any:
    """Return `value` if it is one of `allowed`. Raises UsageError."""
    if value not in allowed:
        raise _refused(setting, value, f"; {validation.choose_from(str(value), allowed)}")
    return value


def _refused(setting: Setting, value: Any, way_out: str) -> UsageError:
    try:
        spelled = repr(value)
    except ValueError:  # an integer with too many digits
        spelled = "a number of thousands of digits"
    return UsageError(f"{label(setting)} is {validation.printable(spelled)}{way_out}")
