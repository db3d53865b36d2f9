import json
import shutil
from pathlib import Path

import pytest
import torch

from ftcore import paths
from ftcore.data import imdb
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import CONFIG, VOCABULARY, WEIGHTS, WORDS
from ftcore.models.classifier import TextClassifier
from ftcore.text.truncation import Truncation
from tests.helpers import small_runs


@pytest.fixture
def parent() -> checkpoints.Checkpoint:
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def test_what_was_saved_loads_with_the_same_weights(parent: checkpoints.Checkpoint) -> None:
    model = checkpoint_files.load_model(parent)
    child = small_runs.checkpoint(paths.checkpoints_dir() / "child", "child", parent=parent)
    assert not (child.path / WORDS).exists()
    assert child.words == "base"
    loaded = checkpoint_files.load_model(child)
    assert torch.equal(loaded.embedding.weight, model.embedding.weight)
    assert checkpoint_files.load_vocabulary(child).itos == small_runs.WORDS
    assert [one.ref for one in checkpoints.dependents("base")] == ["child"]


def test_word_vectors_that_trained_are_the_childs_own_and_exact(
    parent: checkpoints.Checkpoint,
) -> None:
    model = checkpoint_files.load_model(parent)
    model.embedding.weight.requires_grad_(True)
    with torch.no_grad():
        model.embedding.weight += 1e-5  # more than half precision can tell
    path = paths.checkpoints_dir() / "own"
    checkpoint_files.save(
        model,
        path,
        ref="own",
        title="Own",
        labels=parent.labels,
        vocabulary=small_runs.WORDS,
        truncation=Truncation(16),
        dataset="ag_news",
        parent=parent,
    )
    loaded = checkpoint_files.load_model(checkpoints.find("own"))
    assert torch.equal(loaded.embedding.weight, model.embedding.weight)
    assert checkpoints.find("own").words == "own"


def test_half_precision_is_used_where_it_loses_nothing(parent: checkpoints.Checkpoint) -> None:
    from safetensors.torch import load_file

    assert load_file(parent.path / WORDS)["embedding.weight"].dtype == torch.float16


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda path: (path / CONFIG).write_text("{"), "config.json cannot be read"),
        (lambda path: (path / CONFIG).write_text('{"format": 1}'), "config.json cannot be read"),
        (lambda path: (path / WEIGHTS).write_bytes(b"short"), "missing or cut short"),
        (lambda path: (path / WEIGHTS).unlink(), "missing or cut short"),
        (lambda path: (path / WORDS).unlink(), "missing or cut short"),
        (lambda path: (path / VOCABULARY).write_text('["<unk>"]'), "disagree"),
        (lambda path: (path / VOCABULARY).write_text("no"), "vocabulary cannot be read"),
    ],
)
def test_a_damaged_folder_is_refused_with_a_sentence(
    parent: checkpoints.Checkpoint, harm: object, sentence: str
) -> None:
    harm(parent.path)  # type: ignore[operator]
    with pytest.raises(UnfreezeError, match=sentence):
        found = checkpoints.find("base")
        checkpoint_files.load_model(found)
        checkpoint_files.load_vocabulary(found)


def test_a_vocabulary_of_the_right_size_but_another_order_is_refused(
    parent: checkpoints.Checkpoint,
) -> None:
    swapped = [*small_runs.WORDS[:2], *reversed(small_runs.WORDS[2:])]
    (parent.path / VOCABULARY).write_text(json.dumps(swapped))
    with pytest.raises(UnfreezeError, match="disagree"):
        checkpoint_files.load_vocabulary(parent)


def test_weights_of_another_shape_are_named(parent: checkpoints.Checkpoint) -> None:
    config = json.loads((parent.path / CONFIG).read_text())
    config["model"]["feedforward"] += 1
    (parent.path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(UnfreezeError, match=r"layers\.0\.linear1\.weight"):
        checkpoint_files.load_model(checkpoints.find("base"))


def test_one_of_a_newer_version_is_refused_and_hides_no_other(
    parent: checkpoints.Checkpoint,
) -> None:
    small_runs.checkpoint(paths.checkpoints_dir() / "other", "other")
    config = json.loads((parent.path / CONFIG).read_text())
    (parent.path / CONFIG).write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(UnfreezeError, match="newer"):
        checkpoints.find("base")
    assert "other" in [one.ref for one in checkpoints.list_checkpoints()]


def test_deleting_protects_what_others_need(parent: checkpoints.Checkpoint) -> None:
    small_runs.checkpoint(paths.checkpoints_dir() / "child", "child", parent=parent)
    with pytest.raises(UnfreezeError, match="Child"):
        checkpoints.delete("base")
    checkpoints.delete("child")
    checkpoints.delete("base")
    assert not parent.path.exists()


def test_a_broken_write_leaves_the_old_weights(
    parent: checkpoints.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checkpoint_files.load_model(parent).state_dict()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="space"):
        patch.setattr(Path, "replace", full)
        small_runs.checkpoint(parent.path, "base", seed=5)
    after = checkpoint_files.load_model(checkpoints.find("base")).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert sorted(file.name for file in parent.path.iterdir()) == sorted(
        [CONFIG, VOCABULARY, WEIGHTS, WORDS]
    )


def test_an_exported_copy_stands_alone(parent: checkpoints.Checkpoint) -> None:
    checkpoints.export(parent, paths.checkpoints_dir() / "copy", "A copy")
    shutil.rmtree(parent.path)
    copy = checkpoints.find("copy")
    assert (copy.title, copy.words) == ("A copy", "copy")
    assert isinstance(checkpoint_files.load_model(copy), TextClassifier)
    with pytest.raises(UnfreezeError, match="already there"):
        checkpoints.export(copy, paths.checkpoints_dir() / "copy")


def test_labels_that_do_not_fit_the_head_are_refused(parent: checkpoints.Checkpoint) -> None:
    config = json.loads((parent.path / CONFIG).read_text())
    (parent.path / CONFIG).write_text(json.dumps(config | {"labels": imdb.LABELS}))
    with pytest.raises(UnfreezeError, match="labels"):
        checkpoints.find("base")
