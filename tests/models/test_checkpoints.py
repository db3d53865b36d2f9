"""Checkpoints: what is saved and loaded, which folders are refused, deletion and export."""

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file

from ftcore import paths
from ftcore.errors import UnfreezeError, user_message
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import CONFIG, VOCABULARY, WEIGHTS, WORDS, Checkpoint
from ftcore.models.lesson_model import LessonClassifier
from ftcore.text import word_rules
from ftcore.text.truncation import Truncation
from ftcore.text.words import WordTokenizer
from ftcore.training import snapshots
from tests.helpers import small_runs


@pytest.fixture
def parent():
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def test_frozen_word_vectors_stay_with_the_parent(parent):
    assert load_file(parent.path / WORDS)["embedding.weight"].dtype == torch.float16
    child = small_runs.checkpoint(paths.checkpoints_dir() / "child", "child", parent=parent)
    assert not (child.path / WORDS).exists() and child.words == "base"
    vectors = checkpoint_files.load_model(child).embedding.weight
    assert vectors.equal(checkpoint_files.load_model(parent).embedding.weight)
    assert checkpoint_files.load_tokenizer(child).words == small_runs.WORDS


def test_trainable_word_vectors_are_saved_exactly_once_they_differ(parent):
    """The evaluation before training leaves no word vectors, which later ones would not replace."""
    model = checkpoint_files.load_model(parent)
    model.embedding.weight.requires_grad_(True)

    options = {"ref": "tuned", "title": "Tuned", "labels": parent.labels, "parent": parent}
    options |= {"truncation": Truncation(16), "dataset": "news"}
    options |= {"tokenizer": WordTokenizer(word_rules.CURRENT, small_runs.WORDS)}

    def save() -> Checkpoint:
        checkpoint_files.save(model, paths.checkpoints_dir() / "tuned", **options)
        return checkpoints.find("tuned")

    untrained = save()
    assert untrained.words == "base"
    assert not {WORDS, VOCABULARY} & {file.name for file in untrained.path.iterdir()}
    with torch.no_grad():
        model.embedding.weight += 1e-5  # less than half precision resolves
    tuned = save()
    assert tuned.words == "tuned"
    assert checkpoint_files.load_model(tuned).embedding.weight.equal(model.embedding.weight)


def test_inconsistent_or_newer_checkpoint_is_refused_and_hides_no_other(parent):
    small_runs.checkpoint(paths.checkpoints_dir() / "other", "other")
    swapped = [*small_runs.WORDS[:2], *reversed(small_runs.WORDS[2:])]
    (parent.path / VOCABULARY).write_text(json.dumps(swapped))
    with pytest.raises(UnfreezeError, match=r"vocabulary\.json is not the file"):
        checkpoint_files.load_tokenizer(parent)
    config = json.loads((parent.path / CONFIG).read_text())
    del config["checksum"]
    config["model"]["feedforward"] += 1
    (parent.path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(UnfreezeError, match=r"layers\.0\.linear1\.weight"):
        checkpoint_files.load_model(checkpoints.find("base"))
    (parent.path / CONFIG).write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(UnfreezeError, match="newer"):
        checkpoints.find("base")
    assert "other" in [checkpoint.ref for checkpoint in checkpoints.list_checkpoints()]


def test_failed_write_leaves_the_old_weights(parent, monkeypatch):
    before = checkpoint_files.load_model(parent).state_dict()

    with monkeypatch.context() as patch, pytest.raises(OSError, match="space"):
        patch.setattr(Path, "replace", Mock(side_effect=OSError(28, "No space left on device")))
        small_runs.checkpoint(parent.path, "base", seed=5)
    after = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {file.name for file in parent.path.iterdir()} == {CONFIG, VOCABULARY, WEIGHTS, WORDS}


def test_cards_of_bundled_checkpoints_state_the_licence():
    for ref in ("starter", "sentiment"):
        card = checkpoints.find(ref).card
        assert "AG News" in card
        assert "**Licence:** for research and other non-commercial use" in card


def test_panic_of_safetensors_means_out_of_memory(parent, monkeypatch):
    panic = Mock(side_effect=type("PanicException", (BaseException,), {}))  # as pyo3 raises it
    snapshots.path(parent.path).touch()
    monkeypatch.setattr("safetensors.torch.load_file", panic)
    monkeypatch.setattr(snapshots, "safe_open", panic)
    with pytest.raises(MemoryError):
        checkpoint_files.load_model(parent)
    with pytest.raises(MemoryError) as raised:
        snapshots.load(parent.path)
    assert user_message(raised.value).startswith("Out of memory: reduce")


def test_exported_copy_is_independent(parent):
    checkpoint_files.export(parent, paths.checkpoints_dir() / "copy", "A copy")
    shutil.rmtree(parent.path)
    copy = checkpoints.find("copy")
    assert (copy.title, copy.words) == ("A copy", "copy")
    assert isinstance(checkpoint_files.load_model(copy), LessonClassifier)
    with pytest.raises(UnfreezeError, match="already there"):
        checkpoint_files.export(copy, paths.checkpoints_dir() / "copy")


def test_a_checkpoint_keeps_its_tokenizer(parent):
    """Checkpoints of before format 3 do not name theirs."""
    config = json.loads((parent.path / CONFIG).read_text())
    assert config["tokenizer"] == parent.tokenizer == word_rules.CURRENT.name
    del config["tokenizer"], config["checksum"]
    (parent.path / CONFIG).write_text(json.dumps(config | {"format": 2}))
    assert checkpoints.find("base").tokenizer == "basic_english"
    (parent.path / CONFIG).write_text(json.dumps(config | {"tokenizer": "of tomorrow"}))
    with pytest.raises(UnfreezeError, match="has the tokenizer of tomorrow, which this version"):
        checkpoints.find("base")


def test_size_of_a_checkpoint_that_is_deleted_meanwhile(home, monkeypatch):
    """A page lists checkpoints while another visitor deletes one, or its run replaces a file."""
    checkpoint = small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    size, listed = checkpoint.bytes, list(checkpoint.path.iterdir())
    gone = listed[0].stat().st_size
    listed[0].unlink()
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(listed))
    monkeypatch.setattr(Path, "is_file", lambda file: True)
    assert checkpoint.bytes == size - gone
    monkeypatch.undo()
    shutil.rmtree(checkpoint.path)
    assert checkpoint.bytes == 0
