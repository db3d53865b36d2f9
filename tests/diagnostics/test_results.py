"""Diagnostics and dataset texts on disk."""

import json

import numpy as np
import pytest

from ftcore import paths
from ftcore.data import datasets
from ftcore.diagnostics import dataset_texts
from ftcore.diagnostics.results import ARRAYS, METADATA, Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.models import checkpoints

EXAMPLE = Diagnostics(
    labels=("bad", "good"),
    truth=np.array([0, 1, 1]),
    probabilities=np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], np.float32),
    map_rows=np.array([0, 2]),
    map_before=np.ones((2, 2), np.float32),
    map_after=np.zeros((2, 2), np.float32),
    moved={"head": 0.5, "layer 1": 0.0},
    forgot={"task": "AG News", "before": 0.9, "after": 0.5, "texts": 3},
)


def dataset(texts: list[str]) -> datasets.TextDataset:
    part = datasets.Texts(texts, [0] * len(texts))
    return datasets.TextDataset("imdb", "Made", ("a", "b"), part, part, "x", False, "0123456789")


def test_diagnostics_are_read_back_as_written():
    EXAMPLE.write(checkpoints.run_path("one").parent)
    stored = Diagnostics.of_run("one")
    assert stored is not None
    for name, value in vars(EXAMPLE).items():
        assert np.array_equal(getattr(stored, name), value), name
    assert stored.probabilities.dtype == np.float32


def test_answers_in_half_precision_are_the_same_answers(tmp_path):
    close = np.array([[0.50001, 0.49999], [0.49999, 0.50001], [0.9, 0.1]], np.float32)
    look = Diagnostics(("bad", "good"), np.array([0, 1, 1]), close, moved={"head": 0.5})
    answers = look.answers_only()
    assert answers.probabilities.dtype == np.float16 and not answers.moved
    assert answers.probabilities.argmax(1).tolist() == [0, 1, 0]
    answers.write(tmp_path)
    np.testing.assert_array_equal(Diagnostics.read(tmp_path).probabilities, answers.probabilities)


@pytest.mark.parametrize("file", [ARRAYS, METADATA])
@pytest.mark.parametrize("end", [0, 40, -30])
def test_truncated_diagnostics_count_as_missing(tmp_path, file, end):
    EXAMPLE.write(tmp_path)
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[:end])
    assert Diagnostics.read(tmp_path) is None


def test_a_changed_figure_counts_as_missing_but_files_without_a_checksum_open(tmp_path):
    EXAMPLE.write(tmp_path)
    metadata = json.loads((tmp_path / METADATA).read_text())
    metadata["forgot"]["before"] = 0.8
    (tmp_path / METADATA).write_text(json.dumps(metadata))
    assert Diagnostics.read(tmp_path) is None
    del metadata["checksum"]
    (tmp_path / METADATA).write_text(json.dumps(metadata))
    assert Diagnostics.read(tmp_path).forgot["before"] == 0.8


def test_an_unknown_run_has_no_diagnostics():
    assert Diagnostics.of_run("nothing") is None
    assert Diagnostics.of_run("../nothing") is None


def test_texts_are_stored_once_and_read_one_by_one():
    texts = ["first", "zweite: grün, 电影, 🎬", " \n", "last"]
    dataset_texts.store(dataset(texts))
    stored = dataset_texts.load("0123456789")
    assert list(stored) == texts
    assert (stored[-1], stored[1:3], len(stored)) == ("last", texts[1:3], 4)
    with pytest.raises(IndexError):
        stored[4]
    [file] = paths.cache_dir().glob("texts-*/texts.npy")
    inode = file.stat().st_ino
    dataset_texts.store(dataset(texts))
    assert file.stat().st_ino == inode


@pytest.mark.parametrize("end", [0, 5, 20, -1, None])
def test_damaged_texts_are_reported_until_they_are_stored_again(end):
    dataset_texts.store(dataset(["grün", "blau"]))
    [file] = paths.cache_dir().glob("texts-*/texts.npy")
    content = file.read_bytes()
    file.write_bytes(content[:end] if end is not None else content[:-1] + b"\xff")
    with pytest.raises(UnfreezeError, match="one run on this dataset"):
        dataset_texts.load("0123456789")
    dataset_texts.store(dataset(["grün", "blau"]))
    assert list(dataset_texts.load("0123456789")) == ["grün", "blau"]


def test_texts_of_the_sample_are_always_available():
    sample = drain(datasets.load("sample"))
    assert list(dataset_texts.load(sample.fingerprint)) == sample.test.texts
