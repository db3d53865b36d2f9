"""Import of the lesson's model file: what it becomes, and that nothing in a file is ever run."""

import json
import math
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ftcore import paths
from ftcore.cli.main import main
from ftcore.data import ag_news, datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.models import checkpoint_files, checkpoints
from ftcore.text import vocabulary, word_vectors
from tests.helpers.lesson_files import (
    DIM,
    FEEDFORWARD,
    HEADS,
    LAYERS,
    WORDS,
    Bomb,
    Lesson,
    glove,
    glove_file,
    imported,
    net,
)

ALIGNMENTS = pytest.mark.parametrize("first_row", [0, 2], ids=["two off", "aligned"])
Change = Callable[[dict[str, Tensor]], object]


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return Lesson(tmp_path)


@ALIGNMENTS
def test_imported_model_gives_the_scores_of_the_lessons(lesson: Lesson, first_row: int) -> None:
    original = net(first_row)
    random_state = torch.get_rng_state()
    checkpoint = lesson.save(original).run()
    assert torch.equal(random_state, torch.get_rng_state()), "a run in another thread draws, too"
    words = json.loads((checkpoint.path / "vocabulary.json").read_text())
    assert words == ["<unk>", "<pad>", *WORDS[: 78 + first_row]]
    ids = {word: number for number, word in enumerate(words)}
    test = drain(datasets.load("ag_news", str(lesson.news))).test
    encoded = [[ids.get(word, 0) for word in vocabulary.tokenize(text)] for text in test.texts]
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
    assert (spec.heads, spec.layers, spec.feedforward) == (HEADS, LAYERS, FEEDFORWARD)
    assert (checkpoint.kind, checkpoint.labels) == ("imported", ag_news.LABELS)
    assert imported() == ["lesson"]


@ALIGNMENTS
def test_card_and_origin_state_what_was_imported(lesson: Lesson, first_row: int) -> None:
    original = net(first_row)
    checkpoint = lesson.save(original).run(words=50)
    assert checkpoint.origin == {
        "file": lesson.file.name,
        "vectors": "glove.txt",
        "rows": 80 + first_row,
        "rows_kept": 52,
        "first_row": first_row,
        "agreement": 1.0,
        "mean_cosine": pytest.approx(1.0),
    }
    card = checkpoint.card
    assert f"{checkpoint.metrics['test_accuracy']:.1%} of 60 AG News test texts" in card
    assert ("are two off" in card, "belong together" in card) == (first_row == 0, first_row == 2)
    assert f"52 of {80 + first_row} rows" in card and "2 attention heads" in card
    assert "trained further" not in card
    vectors = checkpoint_files.load_model(checkpoint).embedding.weight
    assert vectors.equal(original.emb.weight[:52])


@ALIGNMENTS
def test_vectors_that_were_trained_further_are_recognized(lesson: Lesson, first_row: int) -> None:
    torch.manual_seed(3)
    trained = glove() + 0.4 * torch.randn(80, DIM)
    checkpoint = lesson.save(net(first_row, vectors=trained)).run()
    assert checkpoint.origin["first_row"] == first_row
    assert checkpoint.origin["mean_cosine"] < 0.99 and "trained further" in checkpoint.card
    rows = checkpoint_files.load_model(checkpoint).embedding.weight[first_row:]
    assert rows.equal(trained[: len(rows)].half().float())


def test_words_are_limited_by_the_file_of_vectors(lesson: Lesson) -> None:
    glove_file(lesson.vectors, glove()[:40])
    checkpoint = lesson.save(net()).run()
    assert checkpoint.model.vocab_size == 42
    assert list(checkpoint_files.load_vocabulary(checkpoint).itos[2:]) == WORDS[:40]


def test_alignment_is_found_with_real_vectors(lesson: Lesson, shared_data: Path) -> None:
    lesson.vectors = shared_data / "glove" / "glove.6B.100d.head.txt"
    _, vectors = drain(word_vectors.load_vectors(lesson.vectors, 1500))
    for first_row in (0, 2):
        lesson.save(net(first_row, classes=2, vectors=vectors))
        checkpoint = lesson.run(name=f"lesson {first_row}", words=1000)
        assert (checkpoint.origin["first_row"], checkpoint.origin["agreement"]) == (first_row, 1.0)
    lesson.save(net(1, classes=2, vectors=vectors))
    with pytest.raises(UnfreezeError, match="does not hold the vectors"):
        lesson.run(name="one off", words=1000)


def test_model_with_other_classes_is_not_measured(lesson: Lesson) -> None:
    checkpoint = lesson.save(net(classes=2)).run(ag_news_source="/nowhere")
    assert (checkpoint.labels, checkpoint.metrics) == (("class 0", "class 1"), {})
    assert checkpoint.dataset != "ag_news" and "Not measured" in checkpoint.card


def test_older_file_format_is_read(lesson: Lesson) -> None:
    new = lesson.save(net()).run(name="new")
    old = lesson.save(net(), _use_new_zipfile_serialization=False).run(name="old")
    assert old.metrics == new.metrics


def changed(change: Change) -> dict[str, Tensor]:
    weights = dict(net().state_dict())
    change(weights)
    return weights


def test_every_mismatch_is_named(lesson: Lesson) -> None:
    layer = "transformer_encoder.layers"

    def change(weights: dict[str, Tensor]) -> None:
        del weights[f"{layer}.0.norm1.bias"], weights["pos_encoder.pe"]
        weights["extra.weight"] = torch.zeros(2)
        weights[f"{layer}.1.linear2.weight"] = torch.zeros(DIM, 7)
        weights["classifier.bias"] = torch.zeros(3)

    assert lesson.save(changed(change)).refusal().partition(": ")[2].rstrip(".").split(", ") == [
        f"{layer}.0.norm1.bias is missing",
        "pos_encoder.pe is missing",
        "extra.weight does not belong there",
        f"{layer}.1.linear2.weight is [16",
        "7] instead of [16",
        "24]",
        "classifier.bias is [3] instead of [4]",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("emb.weight"), "emb.weight is missing"),
        (lambda w: w.update({"emb.weight": torch.zeros(5)}), "emb.weight is no matrix"),
        (
            lambda w: [w.pop(name) for name in list(w) if ".layers." in name],
            "layers.0.self_attn.in_proj_weight is missing",
        ),
        (lambda w: w.update({"classifier.weight": torch.zeros(4, 3)}), "weight is [4, 3] instead"),
        (
            lambda w: w.update({"pos_encoder.pe": torch.zeros(1, 9, 3)}),
            "[1, 9, 3] instead of [1, p",
        ),
        (lambda w: w["pos_encoder.pe"].add_(1), "other positions than the sinusoidal ones"),
        (lambda w: w["classifier.bias"].fill_(math.nan), "no numbers in classifier.bias"),
        (lambda w: w.update({"emb.weight": w["emb.weight"].int()}), "(emb.weight)"),
        (lambda w: w.update({"emb.weight": torch.zeros(1).expand(10**9, DIM)}), "(emb.weight)"),
        (lambda w: w.update({"emb.weight": torch.empty(0, DIM)}), "vocab_size is 0"),
        (lambda w: w.update({"emb.weight": w["emb.weight"][:1].clone()}), "does not hold"),
    ],
)
def test_other_model_is_refused(lesson: Lesson, change: Change, message: str) -> None:
    assert message in lesson.save(changed(change)).refusal()


def test_heads_must_divide_the_vectors_and_change_the_scores(lesson: Lesson) -> None:
    lesson.save(net())
    assert "are not divisible by 3 attention heads" in lesson.refusal(heads=3)
    assert "heads is 0" in lesson.refusal(heads=0)
    models = [
        checkpoint_files.load_model(lesson.run(name=f"{heads} heads", heads=heads))
        for heads in (2, 4)
    ]
    two, four = (model(torch.arange(2, 9)[None], torch.tensor([7])) for model in models)
    assert not two.allclose(four)


@pytest.mark.parametrize("file_format", ["zip", "old", "pickle"])
def test_file_with_code_is_refused_and_nothing_runs(
    lesson: Lesson, tmp_path: Path, file_format: str
) -> None:
    marker = tmp_path / "it ran"
    content = {**net().state_dict(), "classifier.bias": Bomb(marker)}
    if file_format == "pickle":
        lesson.file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        lesson.save(content, _use_new_zipfile_serialization=file_format == "zip")
    assert "refused, and nothing in it was run" in lesson.refusal()
    assert not marker.exists()
    if file_format == "pickle":
        pickle.loads(lesson.file.read_bytes())
    else:
        torch.load(lesson.file, weights_only=False)
    assert marker.exists(), "the file is not dangerous"


def test_zip_bomb_is_refused(lesson: Lesson) -> None:
    lesson.save({"emb.weight": torch.zeros(2_000_000)})
    with zipfile.ZipFile(lesson.file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(lesson.file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert lesson.file.stat().st_size < 20_000
    assert len(torch.load(lesson.file, weights_only=True)["emb.weight"]) == 2_000_000
    assert "unpacks to far more than its size" in lesson.refusal()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("field", ["file", "vectors"])
def test_pipe_is_refused(lesson: Lesson, tmp_path: Path, field: str) -> None:
    lesson.save(net())
    os.mkfifo(tmp_path / "pipe")
    setattr(lesson, field, tmp_path / "pipe")
    assert "neither a file nor a folder" in lesson.refusal()


@pytest.mark.parametrize("older", [False, True])
def test_truncated_file_is_refused(lesson: Lesson, older: bool) -> None:
    lesson.save(net(), _use_new_zipfile_serialization=not older)
    content = lesson.file.read_bytes()
    for size in (0, 1, 100, len(content) // 2, len(content) - 1):
        lesson.file.write_bytes(content[:size])
        lesson.refusal()


def test_foreign_file_is_refused(lesson: Lesson, tmp_path: Path) -> None:
    for content in (b"<html>", b"hello there\n" * 50, b"PK\x03\x04" + bytes(90), os.urandom(999)):
        lesson.file.write_bytes(content)
        lesson.refusal()
    torch.save(net(), lesson.file)  # the module, not its weights
    assert "holds something else than plain weights" in lesson.refusal()
    assert "holds no weights by name" in lesson.save([1, 2]).refusal()
    assert "holds no weights by name" in lesson.save({}).refusal()
    nested = {"epoch": 3, "state_dict": net().state_dict()}
    assert "(epoch, state_dict)" in lesson.save(nested).refusal()
    lesson.file = tmp_path
    assert "cannot be read" in lesson.refusal()
    lesson.file = tmp_path / "absent.pth"
    assert "cannot be read (No such file" in lesson.refusal()


def test_other_vectors_are_refused(lesson: Lesson) -> None:
    lesson.save(net())
    for vectors in (glove(seed=2), glove().flip(0)):
        glove_file(lesson.vectors, vectors)
        assert "does not hold the vectors" in lesson.refusal()
    glove_file(lesson.vectors, glove(dim=8))
    assert "8-d vectors and model_AG News small1.pth 16-d ones" in lesson.refusal()


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "a/b", "a\\b", "/tmp/x", ".hidden", "a\0b", "a\nb", "a ", "a" * 61]
)
def test_name_that_is_no_plain_name_is_refused(lesson: Lesson, name: str) -> None:
    assert "cannot name a checkpoint" in lesson.save(net()).refusal(name=name)


def test_existing_checkpoint_is_not_replaced(lesson: Lesson) -> None:
    checkpoint = lesson.save(net()).run()
    before = {file.name: file.read_bytes() for file in checkpoint.path.iterdir()}
    lesson.save(net(2))
    for name in ("lesson", "starter"):  # one imported, one bundled
        with pytest.raises(UnfreezeError, match="already"):
            lesson.run(name=name)
    assert {file.name: file.read_bytes() for file in checkpoint.path.iterdir()} == before
    assert imported() == ["lesson"]


def test_cancelled_import_leaves_nothing(lesson: Lesson) -> None:
    lesson.save(net()).run(name="complete")
    phases = [event.phase for event in lesson.events if isinstance(event, Progress)]
    assert list(dict.fromkeys(phases)) == ["reading", "vectors", "encoding", "testing", "saving"]
    for count in range(1, len(phases) + 1):
        task = import_lesson(lesson.file, lesson.vectors, ag_news_source=str(lesson.news))
        for _ in range(count):
            next(task)
        task.close()
        assert imported() == ["complete"]


def test_failed_import_leaves_nothing(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson.save(net())
    assert "is not there" in lesson.refusal(ag_news_source="/nowhere")
    monkeypatch.setattr(checkpoints, "CARD", "no such folder/README.md")  # fails while saving
    assert "cannot be written" in lesson.refusal()
    paths.checkpoints_dir().rmdir()
    paths.checkpoints_dir().write_text("not a folder")
    assert "cannot be written" in lesson.refusal()


def test_import_on_the_command_line(lesson: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["import", str(lesson.file), "--vectors", str(lesson.vectors), "--json"]
    command += ["--source", str(lesson.news)]
    lesson.save(net())
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["ref"] == "lesson" and 0 < record["test_accuracy"] < 1
    assert main(command) == 1
    assert capsys.readouterr().err.count("\n") == 1
    lesson.save(net(classes=2))
    assert main([*command, "--name", "two classes"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ref"] == "two classes"
