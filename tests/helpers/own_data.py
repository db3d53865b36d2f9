"""Data of one's own, added as a user adds it."""

from pathlib import Path
from typing import Any

from ftcore.data import datasets
from ftcore.data.store.card import Card
from ftcore.data.store.mapping import Columns
from ftcore.data.store.request import Request
from ftcore.events import drain
from tests.helpers import messy_tables


def add(file: Path, name: str = "mine", **given: Any) -> Card:
    """Add a file; columns and other options as `Request` has them."""
    columns = {key: given.pop(key) for key in ("text", "label", "split", "group") if key in given}
    return drain(datasets.add(Request(name, str(file), Columns(**columns), **given)))


def add_reviews(folder: Path, size: int = 200, name: str = "mine", **given: Any) -> Card:
    """Add `size` synthetic training reviews, and 40 more as the test part."""
    file = folder / f"{name}.csv"
    messy_tables.write(file, messy_tables.reviews(size), messy_tables.Sins(split=True))
    return add(file, name, **given)
