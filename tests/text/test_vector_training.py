"""Word vectors trained on texts at hand."""

import random
import sys
from pathlib import Path

import pytest
import torch

from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.text import vector_training, word_vectors
from tests.helpers.dataset_files import REVIEWS, archive, csvs, folder

FRUIT, CARS = ["apple", "pear", "plum", "cherry"], ["truck", "van", "bus", "tram"]


def meadow(texts: int = 600) -> list[str]:
    """Texts about fruit or about cars, never both."""
    rng = random.Random(0)
    return [
        " ".join(rng.choices(FRUIT, k=9)) if n % 2 else " ".join(rng.choices(CARS, k=9)) + " the"
        for n in range(texts)
    ]


def train(out: Path, texts: list[str], **settings: int) -> Path:
    return drain(vector_training.train_vectors(texts, out, dim=8, workers=1, **settings))


def test_neighbours_in_texts_are_neighbours_in_space(tmp_path: Path) -> None:
    events: list[Event] = []
    out = tmp_path / "new" / "v.txt"
    drain(vector_training.train_vectors(meadow(), out, dim=8, epochs=12, workers=1), events.append)
    words, found = drain(word_vectors.load_vectors(out, 100))
    assert sorted(words) == sorted([*FRUIT, *CARS, "the"])
    at = dict(zip(words, found, strict=True))
    assert torch.cosine_similarity(at["apple"], at["pear"], 0) > torch.cosine_similarity(
        at["apple"], at["van"], 0
    )
    assert events[-1] == Progress("vectors", 12, 12, "epochs")
    assert [path.name for path in out.parent.iterdir()] == ["v.txt"]


def test_the_most_frequent_words_come_first(tmp_path: Path) -> None:
    texts = ["rare common most"] * 6 + ["common most"] * 6 + ["most"] * 6
    out = train(tmp_path / "v.txt", texts)
    assert [line.split()[0] for line in out.read_text().splitlines()] == ["most", "common", "rare"]
    out = train(tmp_path / "v.txt", texts, words=2)
    assert [line.split()[0] for line in out.read_text().splitlines()] == ["most", "common"]


def test_the_same_seed_gives_the_same_vectors(tmp_path: Path) -> None:
    first, same, other = (
        train(tmp_path / f"{number}.txt", meadow(100), seed=seed, epochs=2).read_bytes()
        for number, seed in enumerate((0, 0, 1))
    )
    assert first == same != other


def test_cancelled_training_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "v.txt"
    out.write_text("older")
    task = vector_training.train_vectors(meadow(), out, dim=8)
    while next(task).phase != "vectors":  # type: ignore[union-attr]
        pass
    task.close()
    assert out.read_text() == "older"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("texts", [[], ["each word once"]])
def test_too_few_texts(tmp_path: Path, texts: list[str]) -> None:
    with pytest.raises(UnfreezeError, match="No word occurs 5 times"):
        train(tmp_path / "v.txt", texts)
    assert list(tmp_path.iterdir()) == []


def test_the_corpus_never_holds_a_test_review(tmp_path: Path) -> None:
    files = REVIEWS | {"train/unsup/0_0.txt": b"Nobody rated this."}
    texts = {
        str(data, "ascii").strip() for name, data in files.items() if name.startswith("train/")
    }
    packed = archive(tmp_path / "imdb.tar.gz", files)
    unpacked = folder(tmp_path / "aclImdb", files)
    assert set(vector_training.corpus([packed])) == set(vector_training.corpus([unpacked])) == texts
    news = csvs(tmp_path / "ag")
    assert list(vector_training.corpus([news, packed]))[4:] == list(
        vector_training.corpus([packed])
    )
    assert len(list(vector_training.corpus([news / "train.csv"]))) == 4


def test_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnfreezeError, match="nowhere is not there"):
        list(vector_training.corpus([tmp_path / "nowhere"]))
    with pytest.raises(UnfreezeError, match="no reviews in aclImdb/train"):
        list(vector_training.corpus([tmp_path]))


def test_missing_gensim_is_one_sentence_with_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(UnfreezeError, match=r"pip install -r requirements-vectors\.txt"):
        train(tmp_path / "v.txt", meadow(10))
