"""A checkpoint opens with what it was made with, or is refused in a sentence."""

import json
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import CONFIG, VOCABULARY, WEIGHTS, WORDS
from ftcore.text import word_rules
from ftcore.text.words import WordTokenizer
from tests.helpers import small_runs


def imported(ref, **more):
    return small_runs.checkpoint(paths.checkpoints_dir() / ref, ref, **more)


def probabilities(ref):
    [answer] = prediction.predict(ref, ["the film is not bad"])
    return answer.probabilities


def refusal(ref):
    with pytest.raises(UnfreezeError) as caught:
        prediction.predict(ref, ["the film is not bad"])
    return str(caught.value)


@pytest.fixture
def lesson(home):
    return imported("lesson")


def test_word_vectors_of_another_checkpoint_with_the_same_name_and_words_are_refused(lesson):
    imported("child", parent=lesson, seed=1)
    answer = probabilities("child")
    shutil.copytree(lesson.path, paths.home() / "kept")
    imported("lesson", seed=2)
    assert "'lesson'" in refusal("child") and "word vectors" in refusal("child")
    target = paths.home() / "exported"
    with pytest.raises(UnfreezeError, match="'lesson'"):
        checkpoint_files.export(checkpoints.find("child"), target)
    assert not target.exists()
    shutil.rmtree(lesson.path)
    assert "'lesson'" in refusal("child")
    shutil.copytree(paths.home() / "kept", lesson.path)
    assert probabilities("child") == answer


def test_one_with_the_same_name_and_other_words_or_those_of_a_third_is_refused_alike(lesson):
    imported("child", parent=lesson, seed=1)
    reason = (
        "the word vectors of 'lesson' changed since it was made; bring back the earlier 'lesson'"
    )
    shutil.rmtree(lesson.path)
    third = imported("third", seed=2)
    imported("lesson", parent=third, seed=3)
    assert probabilities("lesson") and reason in refusal("child")
    shutil.rmtree(lesson.path)
    checkpoint_files.export(checkpoints.find("starter"), lesson.path)
    assert reason in refusal("child")
    with pytest.raises(UnfreezeError, match="bring back the earlier 'lesson'"):
        checkpoint_files.export(checkpoints.find("child"), paths.home() / "exported")


@pytest.mark.parametrize("file", [WEIGHTS, WORDS])
def test_half_the_signs_flipped_or_one_bit_are_refused(lesson, file):
    intact = (lesson.path / file).read_bytes()
    tensors = load_file(lesson.path / file)
    flipped = {name: tensor.clone() for name, tensor in tensors.items()}
    for tensor in flipped.values():
        tensor.view(-1)[::2].neg_()
    save_file(flipped, lesson.path / file)
    assert file in refusal("lesson")
    (lesson.path / file).write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    assert file in refusal("lesson")
    save_file(tensors, lesson.path / file)
    assert probabilities("lesson")


def test_a_changed_setting_is_refused_unless_its_checksum_is_removed(lesson):
    config = json.loads((lesson.path / CONFIG).read_text())
    labels = [*reversed(config["labels"])]
    for change in ({"labels": labels}, {"tail": 0.5}, {"model": config["model"] | {"heads": 4}}):
        (lesson.path / CONFIG).write_text(json.dumps(config | change))
        assert "checksum" in refusal("lesson")
        assert "lesson" not in [found.ref for found in checkpoints.list_checkpoints()]
    changed = {name: value for name, value in config.items() if name != "checksum"}
    (lesson.path / CONFIG).write_text(json.dumps(changed | {"labels": labels}))
    assert list(probabilities("lesson")) == labels
    (lesson.path / CONFIG).write_text(json.dumps(changed | change))  # the number of heads
    assert WEIGHTS in refusal("lesson")


def test_a_checkpoint_of_an_earlier_format_opens_and_its_export_has_fingerprints(lesson):
    config = json.loads((lesson.path / CONFIG).read_text())
    for name in ("checksum", "weights_fingerprint", "vectors_fingerprint"):
        del config[name]
    (lesson.path / CONFIG).write_text(json.dumps(config | {"format": 2}))
    earlier = checkpoints.find("lesson")
    assert (earlier.weights_fingerprint, earlier.vectors_fingerprint) == ("", "")
    answer = probabilities("lesson")
    checkpoints.update(lesson.path, title="Renamed")
    assert probabilities("lesson") == answer
    checkpoint_files.export(checkpoints.find("lesson"), paths.checkpoints_dir() / "copy")
    copy = checkpoints.find("copy")
    assert probabilities("copy") == answer and copy.weights_fingerprint and copy.title == "Renamed"


def test_an_export_holds_its_word_vectors_unless_every_home_has_them(lesson, monkeypatch):
    child = imported("child", parent=lesson, seed=1)
    checkpoint_files.export(child, paths.checkpoints_dir() / "copy")
    answer = probabilities("child")
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", paths.home() / "bundled")
    small_runs.bundled(paths.home() / "bundled")
    checkpoint_files.export(checkpoints.find("sentiment"), paths.checkpoints_dir() / "mine")
    assert checkpoints.find("mine").words == "starter"
    assert not (paths.checkpoints_dir() / "mine" / WORDS).exists()
    shutil.rmtree(lesson.path)
    assert probabilities("copy") == answer and checkpoints.find("copy").words == "copy"


def test_a_child_of_a_run_keeps_its_own_word_vectors_as_the_run_may_be_resumed(home):
    """Of an imported parent that was replaced during the run, too."""
    parent = small_runs.checkpoint(checkpoints.run_path("parent"), "parent")
    small_runs.checkpoint(checkpoints.run_path("child"), "child", parent=parent)
    answer = probabilities("child")
    small_runs.checkpoint(checkpoints.run_path("parent"), "parent", seed=3)
    assert probabilities("child") == answer and checkpoints.find("child").words == "child"
    lesson = imported("lesson")
    model = checkpoint_files.load_model(lesson)
    imported("lesson", seed=3)
    options = {"ref": "tuned", "title": "Tuned", "labels": lesson.labels, "parent": lesson}
    options |= {"tokenizer": WordTokenizer(word_rules.CURRENT, small_runs.WORDS)}
    options |= {"truncation": lesson.truncation, "dataset": "news"}
    checkpoint_files.save(model, paths.checkpoints_dir() / "tuned", **options)
    tuned = checkpoint_files.load_model(checkpoints.find("tuned"))
    assert tuned.embedding.weight.equal(model.embedding.weight)
    assert (paths.checkpoints_dir() / "tuned" / VOCABULARY).exists()


def test_a_checkpoint_that_a_run_writes_meanwhile_is_read_whole(home):
    path = checkpoints.run_path("live")
    small_runs.checkpoint(path, "live")
    known, done = {}, threading.Event()
    for seed in range(8):
        small_runs.checkpoint(path, "live", seed=seed)
        known[seed] = checkpoint_files.load_model(checkpoints.find("live")).state_dict()

    def write():
        for seed in [*range(8)] * 6:
            small_runs.checkpoint(path, "live", seed=seed)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        live = checkpoint_files.load_model(checkpoints.find("live"), beside=True)
        weights = live.state_dict()
        assert any(
            all(torch.equal(weights[name], other[name]) for name in other)
            for other in known.values()
        )
    thread.join()


def test_a_child_of_a_parent_that_was_replaced_opens_with_the_new_vectors(lesson):
    imported("child", parent=lesson, seed=1)
    imported("child of the new", parent=imported("lesson", seed=2), seed=1)
    assert len(probabilities("child of the new")) == 4
