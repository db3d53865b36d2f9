"""Stored datasets among the others: found by name, read, checked against their cards."""

import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftcore.data import datasets
from ftcore.data.store import card
from ftcore.data.store.card import Card
from ftcore.data.text_dataset import fingerprint
from ftcore.errors import UnfreezeError, UsageError
from ftcore.storage import files
from tests.helpers.dataset_files import load

ROWS = [
    ("It rained", "weather", "train"),
    ("They won", "sport", "test"),
    ("A late goal", "sport", "train"),
    ("Nobody knows which", None, "train"),
    ("Sun at last", "weather", "validation"),
    ("A draw", "sport", "validation"),
]
LABELS = ("sport", "weather")


@pytest.fixture
def news(home):
    train = [("It rained", 1), ("A late goal", 0), ("Nobody knows which", None)]
    train += [("Sun at last", 1), ("A draw", 0)]
    texts, labels, split = map(list, zip(*ROWS, strict=True))
    columns = {"text": texts, "label": labels, "split": split, "row": list(range(len(ROWS)))}
    stored = Card(
        name="news",
        title="news",
        labels=LABELS,
        counts={},
        sizes={"train": 2, "validation": 2, "test": 1},
        fingerprint=fingerprint(LABELS, train, [("They won", 0)], (3, 4)),
        unlabelled={"train": 1},
        source="news.csv",
        examples=("They won",),
    )
    write(stored)
    pq.write_table(pa.table(columns), stored.texts)
    return stored


def write(stored: Card) -> None:
    files.write(stored.folder / "card.json", stored.to_json())


def test_a_stored_dataset_is_found_and_read_by_its_name(news):
    assert datasets.names() == ["sample", "imdb", "ag_news", "news"]
    spec = datasets.find_spec("news")
    assert (spec.sizes, spec.validation_size, spec.labels) == ((4, 1), 2, LABELS)
    assert datasets.is_available("news") and not spec.takes_source
    dataset = load("news")
    assert dataset.train.texts == ["It rained", "A late goal", "Sun at last", "A draw"]
    assert (dataset.train.labels, dataset.test.labels) == ([1, 0, 1, 0], [0])
    assert (dataset.val_rows, dataset.source) == ((2, 3), "news.csv")
    assert dataset.fingerprint == news.fingerprint


def test_other_texts_than_the_card_describes_are_refused(news):
    before = datasets.version("news")
    write(dataclasses.replace(news, fingerprint="0123456789abcdef"))
    assert datasets.version("news") not in ("", before)
    with pytest.raises(UnfreezeError, match="not those that were stored"):
        load("news")
    write(dataclasses.replace(news, multi_label=True))
    with pytest.raises(UnfreezeError, match="cannot be read"):
        load("news")


@pytest.mark.parametrize("damaged", ["card.json", "texts.parquet"])
def test_a_damaged_dataset_hinders_no_other(news, damaged):
    (news.folder / damaged).write_bytes(b"{}")
    with pytest.raises(UnfreezeError, match="add it again"):
        load("news")
    assert card.names() == ["news"]
    assert datasets.names()[-1] == ("ag_news" if damaged == "card.json" else "news")
    assert load("sample").title
    (news.folder / damaged).unlink()
    with pytest.raises(UnfreezeError, match=r"There is no dataset 'news'|are gone"):
        load("news")


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 61, "news ", "a.", "\n", "imdb", "NEWS"])
def test_a_new_dataset_needs_a_free_and_usable_name(news, name):
    assert card.find(name) is None
    with pytest.raises(UsageError, match=r"cannot be called|is reserved|already a dataset"):
        card.check_new(name, ("imdb",))
    card.check_new("Übungen 2.1_b", ("imdb",))
