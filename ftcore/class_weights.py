"""Weights of the classes in the loss: how they are written, and what they are for some training texts."""

import json
import re
from collections.abc import Sequence

import numpy as np

from ftcore import validation
from ftcore.errors import UsageError
from ftcore.formatting import listing

BALANCED = "balanced"
LEAST, MOST = 1e-6, 1e6
MOST_LISTED = 6
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_ENTRY = re.compile(rf"\s*(.+?)\s*=\s*({_NUMBER})\s*(?:,|$)", re.DOTALL)


def checked(text: str) -> str:
    """Return what a setting holds: "", `balanced`, or weights by hand. Raises UsageError."""
    if text.lower() in ("", "none"):
        return ""
    if text.lower() == BALANCED:
        return BALANCED
    parse(text)
    return text


def parse(text: str) -> dict[str, float]:
    """Weights by label, of `label=weight,…`. Raises UsageError.

    A comma ends a label only behind a weight, so labels may hold commas and "=". Those that this cannot
    tell apart, such as "a=1, b", are written as a JSON object.
    """
    entries = _json_entries(text) if text.startswith("{") else _entries(text)
    weights: dict[str, float] = {}
    for label, weight in entries:
        shown = validation.printable(label)
        if label in weights:
            raise UsageError(f"Class weights name {shown!r} twice; keep one of them.")
        if not LEAST <= weight <= MOST:
            raise UsageError(
                f"The weight of class {shown!r} is {weight:g}; choose from {LEAST:g} to {MOST:,.0f}."
            )
        weights[label] = weight
    return weights


def check_labels(text: str, labels: Sequence[str]) -> None:
    """Raise UsageError if weights by hand name a class that is none of `labels`."""
    for label in parse(text) if text not in ("", BALANCED) else ():
        if label not in labels:
            raise UsageError(
                f"Class weights name {validation.printable(label)!r}, which is no class of this data; "
                f"{validation.choose_from(label, labels)}"
            )


def values(text: str, labels: Sequence[str], train_labels: Sequence[int]) -> np.ndarray | None:
    """Weight of each class, float64 [classes], 1 on average over the training texts; None if "".

    `balanced` gives each class the same share of the loss. Only the ratios of weights by hand count, and
    classes that they leave out have 1. Raises UsageError.
    """
    if not text:
        return None
    check_labels(text, labels)
    counts = np.bincount(train_labels, minlength=len(labels))
    if text == BALANCED:
        present = counts > 0  # other classes can only occur in a validation or test loss
        weights = np.where(present, 1 / np.maximum(counts, 1), present.sum() / counts.sum())
    else:
        given = parse(text)
        weights = np.array([given.get(label, 1.0) for label in labels])
    return weights * (counts.sum() / (weights * counts).sum())


def note(weights: np.ndarray, labels: Sequence[str]) -> str:
    """A sentence with the weights; of many classes, with the least and the greatest."""
    few = len(labels) <= MOST_LISTED
    order = range(len(labels)) if few else (int(weights.argmin()), int(weights.argmax()))
    listed = [f"{labels[number]} {weights[number]:.3g}" for number in order]
    shown = listing(listed) if few else " to ".join(listed)
    return f"Weights in the loss: {shown}. The losses of this run are weighted by class."


def _entries(text: str) -> list[tuple[str, float]]:
    entries, position = [], 0
    while position < len(text):
        entry = _ENTRY.match(text, position)
        if entry is None:
            raise UsageError(
                f"Class weights are {validation.printable(text)!r}; choose balanced, or give "
                "label=weight for one class or more, separated by commas."
            )
        entries.append((entry[1], float(entry[2])))
        position = entry.end()
    return entries


def _json_entries(text: str) -> list[tuple[str, float]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
        return [(label, float(weight)) for label, weight in pairs]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise UsageError(
            f"Class weights are {validation.printable(text)!r}, which is no JSON object of labels and "
            'weights, such as {"a, b=1": 2}.'
        ) from None
