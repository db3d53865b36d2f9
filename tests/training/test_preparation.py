"""What a run prepares: word vectors and vocabularies that do not fit the data are refused."""

from pathlib import Path

import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.training import preparation
from tests.helpers import small_runs
from tests.helpers.dataset_files import csvs


def prepare(**values: object) -> preparation.TrainingSetup:
    config = small_runs.config(**values)
    return drain(preparation.prepare(config, Path(), ""))


@pytest.fixture
def sample(monkeypatch):
    small_runs.small_sample(monkeypatch)


def vectors(path: Path, words: list[str], end: str = "\n") -> str:
    lines = [f"{word}\t{number} 1 2 3" for number, word in enumerate(words)]
    path.write_text("\n".join(lines) + end)
    return str(path)


def test_vectors_that_know_next_to_no_word_are_refused(sample, tmp_path):
    other = vectors(tmp_path / "other.txt", [*".,!?", *(f"w{number}" for number in range(50))])
    with pytest.raises(UnfreezeError, match=r"^other\.txt knows only 0\.0% of the words"):
        prepare(checkpoint="new", vectors=other)
    capitals = vectors(tmp_path / "capitals.txt", ["THE", "A", "FILM", "IS", "THIS"])
    with pytest.raises(UnfreezeError, match=r"^capitals\.txt knows only 0\.0% of the words"):
        prepare(checkpoint="new", vectors=capitals)


def test_few_common_words_are_enough_and_what_was_cut_is_noted(sample, tmp_path):
    common = vectors(tmp_path / "v.txt", ["the", "a", "film", "is", "this", "but"], end="")
    setup = prepare(checkpoint="new", vectors=common)
    assert setup.tokenizer.words[2:] == ["the", "a", "film", "is", "this", "but"]
    assert any("ends without a line break" in note for note in setup.notes)


def test_checkpoint_of_another_language_is_refused(tmp_path):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    foreign = [(str(n % 4 + 1), "Ein Werk", "von heute und morgen") for n in range(8)]
    with pytest.raises(UnfreezeError, match="checkpoint base knows only"):
        prepare(dataset="ag_news", source=str(csvs(tmp_path, foreign)))
