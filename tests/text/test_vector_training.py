"""Training of word vectors."""

import random
import sys
from pathlib import Path

import pytest
import torch

from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, Task, drain
from ftcore.text import vector_training, word_vectors
from ftcore.text.vector_settings import VectorSettings
from tests.helpers.dataset_files import REVIEWS, archive, csvs, folder

FRUIT, CARS = ["apple", "pear", "plum", "cherry"], ["truck", "van", "bus", "tram"]


def two_topics(texts: int = 600) -> list[str]:
    """Texts about fruit or about cars, never both."""
    rng = random.Random(0)
    return [
        " ".join(rng.choices(FRUIT, k=9)) if n % 2 else " ".join(rng.choices(CARS, k=9)) + " the"
        for n in range(texts)
    ]


def task(out: Path, texts: list[str], **values: int) -> Task[Path]:
    settings = VectorSettings(out=str(out), dim=8, **values)

    def read() -> Task[list[str]]:
        yield Progress("reading", 0, None)
        return texts

    return vector_training.train_vectors(read(), settings, workers=1)


def train(out: Path, texts: list[str], **values: int) -> Path:
    return drain(task(out, texts, **values))


def test_words_of_the_same_texts_get_similar_vectors(tmp_path):
    events: list[Event] = []
    out = tmp_path / "new" / "v.txt"
    drain(task(out, two_topics(), epochs=12), events.append)
    words, vectors, _ = drain(word_vectors.load_vectors(out, 100))
    assert sorted(words) == sorted([*FRUIT, *CARS, "the"])
    apple, pear, van = (vectors[words.index(word)] for word in ("apple", "pear", "van"))
    similarity = torch.cosine_similarity
    assert similarity(apple, pear, 0) > similarity(apple, van, 0)
    assert events[-1] == Progress("vectors", 12, 12, "epochs")
    assert [path.name for path in out.parent.iterdir()] == ["v.txt"]


def test_most_frequent_words_come_first_and_the_seed_fixes_the_vectors(tmp_path):
    texts = ["rare common most"] * 6 + ["common most"] * 6 + ["most"] * 6
    first, same, other = (
        train(tmp_path / f"{n}.txt", texts, words=2, seed=seed).read_text()
        for n, seed in enumerate((0, 0, 1))
    )
    assert [line.split()[0] for line in first.splitlines()] == ["most", "common"]
    assert first == same != other


def test_cancelled_training_leaves_no_file(tmp_path):
    events = task(tmp_path / "v.txt", two_topics())
    while next(events).phase != "vectors":  # type: ignore[union-attr]
        pass
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_refused_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)  # not even looked for
    (tmp_path / "v.txt").write_text("my own")
    for out in (tmp_path / "v.txt", tmp_path):
        with pytest.raises(UnfreezeError, match="is already there; choose another name"):
            train(out, two_topics())
    assert (tmp_path / "v.txt").read_text() == "my own"


def test_corpus_never_holds_a_test_review(tmp_path):
    files = REVIEWS | {"train/unsup/0_0.txt": b"Nobody rated this."}
    texts = {data.decode() for name, data in files.items() if name.startswith("train/")}
    reviews = archive(tmp_path / "imdb.tar.gz", files)
    for source in (reviews, folder(tmp_path / "aclImdb", files)):
        assert set(drain(vector_training.corpus([str(source)]))) == texts
    news = csvs(tmp_path / "ag")
    for source in (news, news / "train.csv"):
        assert len(drain(vector_training.corpus([str(source), str(reviews)]))) == 4 + len(texts)


def test_missing_files_words_or_gensim_are_reported(tmp_path, monkeypatch):
    with pytest.raises(UnfreezeError, match="nowhere is not there"):
        vector_training.corpus([str(tmp_path / "nowhere")])
    with pytest.raises(UnfreezeError, match="No word occurs 5 times"):
        train(tmp_path / "v.txt", ["each word once"])
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(UnfreezeError, match=r"pip install -r requirements-vectors\.txt"):
        train(tmp_path / "v.txt", two_topics(10))
    assert list(tmp_path.iterdir()) == []
