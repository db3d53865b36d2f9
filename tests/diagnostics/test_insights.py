"""What is kept of a run for those who look at it later."""

from pathlib import Path

import numpy as np
import pytest

from ftcore.data import datasets
from ftcore.diagnostics import insights
from ftcore.diagnostics.insights import Insights
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.models import checkpoints


def found(**values: object) -> Insights:
    given = {
        "labels": ("bad", "good"),
        "truth": np.array([0, 1, 1]),
        "probabilities": np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], np.float32),
        "rows": np.array([0, 2]),
        "before": np.ones((2, 2), np.float32),
        "after": np.zeros((2, 2), np.float32),
        "moved": {"head": 0.5, "layer 1": 0.0},
        "forgot": {"task": "AG News", "before": 0.9, "after": 0.5, "texts": 3},
    }
    return Insights(**given | values)  # type: ignore[arg-type]


def dataset(texts: list[str], fingerprint: str = "0123456789abcdef") -> datasets.TextDataset:
    part = datasets.Texts(texts, [0] * len(texts))
    return datasets.TextDataset("imdb", "Made", ("a", "b"), part, part, "x", False, fingerprint)


def test_what_is_written_is_read_back() -> None:
    folder = checkpoints.run_path("one").parent
    insights.write(folder, found())
    read = insights.load("one")
    assert read is not None
    for name, value in vars(found()).items():
        assert np.array_equal(getattr(read, name), value), name
    assert read.probabilities.dtype == np.float32


def test_a_reference_has_answers_and_no_map() -> None:
    folder = checkpoints.run_path("one").parent
    insights.write(folder, Insights(("a", "b"), np.array([0]), np.ones((1, 2), np.float32)))
    read = insights.load("one")
    assert read is not None
    assert (len(read.rows), read.before.shape, read.after.shape) == (0, (0, 2), (0, 2))
    assert (read.moved, read.forgot) == ({}, None)


@pytest.mark.parametrize("file", [insights.ARRAYS, insights.REST])
@pytest.mark.parametrize("left", [0, 40, -30])
def test_what_was_cut_short_is_not_there(tmp_path: Path, file: str, left: int) -> None:
    insights.write(tmp_path, found())
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[:left])
    assert insights.read(tmp_path) is None


def test_a_run_without_any_has_none() -> None:
    assert insights.load("nothing") is None
    assert insights.load("../nothing") is None


def test_texts_are_kept_once_and_read_one_by_one() -> None:
    texts = ["first", "zweite: grün, 电影, 🎬", " \n", "last"]
    insights.keep_texts(dataset(texts))
    kept = insights.texts("0123456789abcdef")
    assert list(kept) == texts
    assert (kept[-1], kept[1:3], len(kept)) == ("last", texts[1:3], 4)
    with pytest.raises(IndexError):
        kept[4]
    file = insights._texts_file("0123456789abcdef")
    before = file.stat().st_ino
    insights.keep_texts(dataset(texts))
    assert file.stat().st_ino == before


@pytest.mark.parametrize("left", [0, 5, 20, -1])
def test_texts_that_broke_are_a_sentence_until_they_are_kept_again(left: int) -> None:
    insights.keep_texts(dataset(["one", "two"]))
    file = insights._texts_file("0123456789abcdef")
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(UnfreezeError, match="one run on this dataset"):
        insights.texts("0123456789abcdef")
    insights.keep_texts(dataset(["one", "two"]))
    assert list(insights.texts("0123456789abcdef")) == ["one", "two"]


def test_the_samples_texts_are_always_there() -> None:
    sample = drain(datasets.load("sample"))
    assert list(insights.texts(sample.fingerprint)) == sample.test.texts
