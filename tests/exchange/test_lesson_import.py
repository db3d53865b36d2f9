"""Import of the lesson's model file: what it becomes, and that nothing in a file is ever run."""

import contextlib
import json
import math
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ftcore import paths
from ftcore.cli.main import main
from ftcore.data import ag_news, datasets
from ftcore.events import Noted, Progress, drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.models import checkpoint_files, checkpoints
from ftcore.text import word_rules
from tests.helpers.lesson_files import WORDS, Bomb, Lesson, glove, glove_file, imported, net

ALIGNMENTS = pytest.mark.parametrize("first_row", [0, 2], ids=["two off", "aligned"])
BAD_NAMES = ["", "..", "../up", "a/b", "a\\b", "/tmp/x", ".hidden", "a\0b", "a\nb", "a ", "a" * 61]
Change = Callable[[dict[str, Tensor]], object]


@pytest.fixture
def lesson(tmp_path):
    return Lesson(tmp_path)


@ALIGNMENTS
def test_imported_model_gives_the_scores_of_the_lessons(lesson, first_row):
    original = net(first_row)
    random_state = torch.get_rng_state()
    checkpoint = lesson.save(original, _use_new_zipfile_serialization=first_row == 0).run()
    assert torch.equal(random_state, torch.get_rng_state()), "a run in another thread draws, too"
    words = json.loads((checkpoint.path / "vocabulary.json").read_text())
    assert words == ["<unk>", "<pad>", *WORDS[: 78 + first_row]]
    ids = {word: number for number, word in enumerate(words)}
    test = drain(datasets.load("ag_news", str(lesson.news))).test
    encoded = [
        [ids.get(word, 0) for word in word_rules.EARLIER.tokenize(text)] for text in test.texts
    ]
    lengths = torch.tensor(list(map(len, encoded)))
    padded = nn.utils.rnn.pad_sequence([torch.tensor(text) for text in encoded], True, 1)
    with torch.inference_mode():
        expected = torch.stack([original.scores(text) for text in encoded])
        scores = checkpoint_files.load_model(checkpoint)(padded, lengths)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)
    accuracy = (expected.argmax(1) == torch.tensor(test.labels)).float().mean().item()
    assert checkpoint.metrics == {"test_accuracy": pytest.approx(accuracy)}
    assert 0 < accuracy < 1
    spec = checkpoint.model
    assert (spec.heads, spec.layers, spec.feedforward) == (2, 2, 24)
    assert (checkpoint.kind, checkpoint.labels) == ("imported", ag_news.LABELS)


@ALIGNMENTS
def test_card_and_origin_state_what_was_imported_or_trained_further(lesson, first_row):
    original = net(first_row)
    checkpoint = lesson.save(original).run(words=50)
    origin = {"rows": 80 + first_row, "rows_kept": 52, "first_row": first_row, "agreement": 1.0}
    assert checkpoint.origin.items() >= origin.items()
    card = checkpoint.card
    assert f"{checkpoint.metrics['test_accuracy']:.1%} of 60 AG News test texts" in card
    assert ("are two off" in card, "belong together" in card) == (first_row == 0, first_row == 2)
    assert f"52 of {80 + first_row} rows" in card and "2 attention heads" in card
    assert "trained further" not in card
    vectors = checkpoint_files.load_model(checkpoint).embedding.weight
    assert vectors.equal(original.emb.weight[:52])
    torch.manual_seed(3)
    trained = glove() + 0.4 * torch.randn(80, 16)
    checkpoint = lesson.save(net(first_row, vectors=trained)).run(name="trained further")
    assert checkpoint.origin["first_row"] == first_row
    assert checkpoint.origin["mean_cosine"] < 0.99 and "trained further" in checkpoint.card
    rows = checkpoint_files.load_model(checkpoint).embedding.weight[first_row:]
    assert rows.equal(trained[: len(rows)].half().float())


def named(prefix, weights):
    return {f"{prefix}{name}": weight for name, weight in weights.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: named("module.", weights),
        lambda weights: named("module._orig_mod.model.", weights),
        lambda weights: {"epoch": 3, "state_dict": weights},
        lambda weights: {"model_state_dict": named("model.", weights), "loss": 0.1},
        lambda weights: {"model": {"state_dict": named("_orig_mod.", weights)}, "epoch": 1},
        lambda weights: (
            {
                name: weight.t().contiguous().t()
                for name, weight in weights.items()
                if "pe" not in name
            }
            | {"pos_encoder.pe": weights["pos_encoder.pe"]}
        ),
    ],
    ids=[
        "module",
        "nested prefixes",
        "state_dict",
        "model_state_dict",
        "two wrappers",
        "transposed",
    ],
)
def test_prefixes_wrappers_and_strides_do_not_matter(lesson, wrap):
    weights = net().state_dict()
    expected = checkpoint_files.load_model(
        lesson.save(dict(weights)).run(name="plain")
    ).state_dict()
    wrapped = lesson.save(wrap(dict(weights))).run()
    actual = checkpoint_files.load_model(wrapped).state_dict()
    assert all(torch.equal(actual[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize("first_row", [1, 3, 4, 7])
def test_any_number_of_rows_before_the_words_is_found(lesson, first_row):
    original = net(first_row)
    checkpoint = lesson.save(original).run(words=50)
    assert checkpoint.origin["first_row"] == first_row
    assert json.loads((checkpoint.path / "vocabulary.json").read_text())[2:] == WORDS[:50]
    assert f"has {first_row} rows" in checkpoint.card and "belong together" in checkpoint.card
    rows = checkpoint_files.load_model(checkpoint).embedding.weight
    assert rows[0].equal(original.emb.weight[0]) and rows[2:].equal(glove()[:50])


def test_words_that_disagree_are_noted(lesson):
    lines = lesson.vectors.read_text().splitlines(keepends=True)
    lesson.save(net()).run()
    assert not any(isinstance(event, Noted) for event in lesson.events)
    lesson.vectors.write_text("".join([lines[1], lines[0], *lines[2:]]))
    lesson.run(name="swapped")
    notes = [event.note for event in lesson.events if isinstance(event, Noted)]
    assert len(notes) == 1 and notes[0].startswith("2 of 80 words have other vectors in model_")


def test_vectors_with_other_words_before_the_first_are_named(lesson):
    lesson.save(net(vectors=glove()[4:]))
    assert "has 4 words before the first one" in lesson.refusal()


def test_model_with_other_classes_is_not_measured(lesson):
    assert "omit the folder of AG News" in lesson.save(net(classes=2)).refusal()
    checkpoint = lesson.run(ag_news_source="")
    assert (checkpoint.labels, checkpoint.metrics) == (("class 0", "class 1"), {})
    assert checkpoint.dataset != "ag_news" and "Not measured" in checkpoint.card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("emb.weight"), "emb.weight is missing"),
        (lambda w: w.update({"emb.weight": torch.zeros(5)}), "emb.weight is missing or no matrix"),
        (lambda w: [w.pop(name) for name in list(w) if ".layers." in name], "linear1.weight is mi"),
        (lambda w: w.update({"extra": torch.zeros(2)}), "extra does not belong there"),
        (lambda w: w.update({"classifier.bias": torch.zeros(3)}), "classifier.bias is [3] instead"),
        (lambda w: w.pop("pos_encoder.pe"), "pos_encoder.pe is missing"),
        (lambda w: w.update({"pos_encoder.pe": torch.zeros(1, 9, 3)}), "shape [1, places, 16]"),
        (lambda w: w["pos_encoder.pe"].add_(1), "other positions than the sinusoidal ones"),
        (lambda w: w["classifier.bias"].fill_(math.nan), "of classifier.bias are not all finite"),
        (lambda w: w["emb.weight"][-1].fill_(1e6), "values of embedding.weight are not all finite"),
        (lambda w: w.update({"emb.weight": w["emb.weight"].int()}), "emb.weight has no floating"),
        (lambda w: w.update({"emb.weight": torch.zeros(1).expand(10**9, 16)}), "weight repeats"),
        (lambda w: w.update({"emb.weight": torch.empty(0, 16)}), "vocab_size is 0"),
        (lambda w: w.update({"emb.weight": w["emb.weight"][:1].clone()}), "does not hold"),
    ],
)
def test_other_model_is_refused(lesson, change, message):
    weights = dict(net().state_dict())
    change(weights)
    assert message in lesson.save(weights).refusal()


@pytest.mark.parametrize("file_format", ["zip", "old", "pickle"])
def test_file_with_code_is_refused_and_nothing_runs(lesson, tmp_path, file_format):
    marker = tmp_path / "it ran"
    content = {**net().state_dict(), "classifier.bias": Bomb(marker)}
    if file_format == "pickle":
        lesson.file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        lesson.save(content, _use_new_zipfile_serialization=file_format == "zip")
    assert "refused, and nothing in it was run" in lesson.refusal()
    assert not marker.exists()
    with contextlib.suppress(RuntimeError):
        torch.load(lesson.file, weights_only=False)
    assert marker.exists(), "the file is not dangerous"


def test_zip_bomb_is_refused(lesson):
    lesson.save({"emb.weight": torch.zeros(2_000_000)})
    with zipfile.ZipFile(lesson.file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(lesson.file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert lesson.file.stat().st_size < 20_000
    assert len(torch.load(lesson.file, weights_only=True)["emb.weight"]) == 2_000_000
    assert "unpacks to far more than its size" in lesson.refusal()


def test_foreign_file_is_refused(lesson, tmp_path):
    for content in (b"<html>", b"hello there\n" * 50, b"PK\x03\x04" + bytes(90), os.urandom(999)):
        lesson.file.write_bytes(content)
        lesson.refusal()
    torch.save(net(), lesson.file)  # the module, not its weights
    assert "holds something else than plain weights" in lesson.refusal()
    assert "holds no weights by name" in lesson.save([1, 2]).refusal()
    assert "holds no weights by name" in lesson.save({}).refusal()
    nested = {"epoch": 3, "weights": net().state_dict()}
    assert "(epoch is no tensor, weights is no tensor)" in lesson.save(nested).refusal()
    several = {"model": net().state_dict(), "state_dict": net().state_dict()}
    assert "holds several models (state_dict, model)" in lesson.save(several).refusal()
    endless = {"epoch": 3}
    endless["model"] = endless
    assert "is no tensor" in lesson.save(endless).refusal()
    lesson.file = tmp_path / "absent.pth"
    assert "cannot be read (No such file" in lesson.refusal()
    os.mkfifo(lesson.file)
    assert "neither a file nor a folder" in lesson.refusal()


def test_other_vectors_are_refused(lesson):
    lesson.save(net())
    for vectors in (glove(seed=2), glove().flip(0)):
        glove_file(lesson.vectors, vectors)
        assert "does not hold the vectors" in lesson.refusal()
    glove_file(lesson.vectors, glove(dim=8))
    assert "8-d vectors and model_AG News small1.pth 16-d ones" in lesson.refusal()
    lesson.vectors.unlink()
    os.mkfifo(lesson.vectors)
    assert "neither a file nor a folder" in lesson.refusal()


@pytest.mark.parametrize(
    ("option", "message"),
    [({"heads": 3}, "are not divisible by 3 attention heads"), ({"heads": 0}, "Heads is 0")]
    + [({"name": name}, "cannot name a checkpoint") for name in BAD_NAMES],
)
def test_wrong_option_is_refused(lesson, option, message):
    assert message in lesson.save(net()).refusal(**option)


def test_existing_checkpoint_is_not_replaced(lesson, capsys):
    lesson.save(net())
    command = ["import", str(lesson.file), "--vectors", str(lesson.vectors), "--json"]
    command += ["--source", str(lesson.news), "--heads", "4"]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["ref"] == "lesson" and 0 < record["test_accuracy"] < 1
    checkpoint = checkpoints.find("lesson")
    assert checkpoint.model.heads == 4
    before = {file.name: file.read_bytes() for file in checkpoint.path.iterdir()}
    lesson.save(net(2))
    for name in ("lesson", "starter"):  # one imported, one bundled
        assert main([*command, "--name", name]) == 1
        error = capsys.readouterr().err
        assert "already" in error and error.count("\n") == 1
    assert {file.name: file.read_bytes() for file in checkpoint.path.iterdir()} == before
    assert imported() == ["lesson"]


def test_cancelled_import_leaves_nothing(lesson):
    lesson.save(net()).run(name="complete")
    phases = [event.phase for event in lesson.events if isinstance(event, Progress)]
    assert list(dict.fromkeys(phases)) == ["reading", "vectors", "encoding", "testing", "saving"]
    for count in range(1, len(phases) + 1):
        task = import_lesson(lesson.file, lesson.vectors, ag_news_source=str(lesson.news))
        for _ in range(count):
            next(task)
        task.close()
        assert imported() == ["complete"]


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["testing", "saving"])
def test_killed_import_leaves_no_checkpoint_and_can_be_repeated(lesson, phase):
    lesson.save(net())
    command = [sys.executable, "-m", "ftcore", "import", str(lesson.file), "--json"]
    command += ["--vectors", str(lesson.vectors), "--source", str(lesson.news)]
    process = subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=subprocess.PIPE)
    assert any(json.loads(line).get("phase") == phase for line in process.stdout)
    process.kill()
    process.communicate()
    names = [checkpoint.ref for checkpoint in checkpoints.list_checkpoints()]
    if "lesson" in names:  # it was quicker than the kill
        checkpoint_files.load_model(checkpoints.find("lesson"))
    else:
        assert lesson.run().ref == "lesson"


def test_failed_import_leaves_nothing(lesson, monkeypatch):
    lesson.save(net())
    assert "is not there" in lesson.refusal(ag_news_source="/nowhere")
    monkeypatch.setattr(checkpoints, "CARD", "no such folder/README.md")  # fails while saving
    assert "cannot be written" in lesson.refusal()
    paths.checkpoints_dir().rmdir()
    paths.checkpoints_dir().write_text("not a folder")
    assert "cannot be written" in lesson.refusal()
