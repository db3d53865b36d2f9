"""The lesson's model file: what it becomes here, and that nothing in a file is ever run."""

import json
import math
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ftcore import paths
from ftcore.cli.main import main
from ftcore.data import ag_news, datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.text import vocabulary, word_vectors
from tests.helpers.dataset_files import csvs

DIM, HEADS, HIDDEN, LAYERS = 16, 2, 24, 2
WORDS = [f"word{number}" for number in range(80)]
OFFSETS = pytest.mark.parametrize("first_row", [0, 2], ids=["two off", "in place"])


class PositionalEncoding(nn.Module):
    """The lesson's, with one place for each word of the vocabulary."""

    pe: Tensor

    def __init__(self, places: int, dim: int) -> None:
        super().__init__()
        place = torch.arange(places)[:, None]
        rate = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
        pe = torch.zeros(places, dim)
        pe[:, 0::2] = torch.sin(place * rate)
        pe[:, 1::2] = torch.cos(place * rate)
        self.register_buffer("pe", pe[None])


class Net(nn.Module):
    """The lesson's, layer by layer; its encoder lacks batch_first."""

    def __init__(self, vectors: Tensor, classes: int = 4) -> None:
        super().__init__()
        rows, dim = vectors.shape
        self.emb = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.pos_encoder = PositionalEncoding(rows + 2, dim)
        layer = nn.TransformerEncoderLayer(dim, HEADS, HIDDEN, 0.1, "relu")
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.classifier = nn.Linear(dim, classes)

    def one_text(self, ids: list[int]) -> Tensor:
        """Scores of a text read alone, its words along the axis on which the encoder attends."""
        x = self.emb(torch.tensor(ids)) * math.sqrt(self.emb.embedding_dim)
        x = (x + self.pos_encoder.pe[0, : len(ids)])[:, None]
        return self.classifier(self.transformer_encoder(x).mean(0))[0]


def glove(words: int = 80, dim: int = DIM, seed: int = 1) -> Tensor:
    """Vectors with something in common, as GloVe's have, that half precision holds exactly."""
    random_numbers = torch.Generator().manual_seed(seed)
    return (torch.randn(words, dim, generator=random_numbers) + 2).half().float()


def glove_file(path: Path, vectors: Tensor, words: list[str] = WORDS) -> Path:
    rows = zip(words, vectors.tolist(), strict=False)
    path.write_text("".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in rows))
    return path


def net(first_row: int = 0, classes: int = 4, vectors: Tensor | None = None) -> Net:
    """Random weights, each bias and norm too, so that no weight can be mistaken for another."""
    torch.manual_seed(0)
    vectors = glove() if vectors is None else vectors
    made = Net(
        torch.cat([torch.randn(first_row, vectors.shape[1]).half().float(), vectors]), classes
    )
    for name, weight in made.named_parameters():
        if not name.startswith("emb"):
            nn.init.normal_(weight, std=0.4)
    return made.eval()


def news(path: Path, texts: int = 60) -> Path:
    """AG News in its publisher's layout, of made-up words, some of which the model cannot know."""
    rng = random.Random(0)
    draw = [*WORDS, "unheard"]
    rows = [
        (str(row % 4 + 1), *(" ".join(rng.choices(draw, k=rng.randint(1, 9))) for _ in range(2)))
        for row in range(texts)
    ]
    return csvs(path, rows)


class Lesson:
    """A model file, its vectors and AG News, which `run` imports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "model_AG News small1.pth"
        self.vectors = glove_file(folder / "glove.txt", glove())
        self.news = news(folder / "ag_news_csv")
        self.events: list[Event] = []

    def save(self, content: Any, **options: Any) -> "Lesson":
        torch.save(
            content.state_dict() if isinstance(content, Net) else content, self.file, **options
        )
        return self

    def run(self, **options: Any) -> Checkpoint:
        options = {"ag_news_source": str(self.news)} | options
        return drain(import_lesson(self.file, self.vectors, **options), self.events.append)

    def refused(self, **options: Any) -> str:
        """The one sentence with which the import ends, having left nothing."""
        with pytest.raises(UnfreezeError) as caught:
            self.run(**options)
        sentence = str(caught.value)
        assert sentence.endswith(".") and "\n" not in sentence and "weights_only" not in sentence
        assert left() == []
        return sentence


def left() -> list[str]:
    folder = paths.checkpoints_dir()
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return Lesson(tmp_path)


@OFFSETS
def test_answers_as_the_lessons_weights_do_on_texts_read_alone(
    lesson: Lesson, first_row: int
) -> None:
    theirs = net(first_row)
    made = lesson.save(theirs).run()
    rows = 80 + first_row
    words = json.loads((made.path / "vocabulary.json").read_text())
    assert words == ["<unk>", "<pad>", *WORDS[: rows - 2]]
    ids = {word: number for number, word in enumerate(words)}
    model = checkpoint_files.load_model(made)

    dataset = drain(datasets.load("ag_news", str(lesson.news)))
    encoded = [
        [ids.get(word, 0) for word in vocabulary.tokenize(one)] for one in dataset.test.texts
    ]
    lengths = torch.tensor([len(one) for one in encoded])
    padded = nn.utils.rnn.pad_sequence([torch.tensor(one) for one in encoded], True, 1)
    with torch.inference_mode():
        expected = torch.stack([theirs.one_text(one) for one in encoded])
        torch.testing.assert_close(model(padded, lengths), expected, rtol=1e-4, atol=1e-5)

    right = sum(
        int(scores.argmax()) == label
        for scores, label in zip(expected, dataset.test.labels, strict=True)
    )
    assert made.metrics == {"test_accuracy": pytest.approx(right / 60)}
    assert 0 < right < 60
    assert made == checkpoints.find("lesson")
    assert (made.kind, made.labels, made.dataset) == ("imported", ag_news.LABELS, "ag_news")
    assert made.title == "The lesson's AG News model"
    assert (made.model.heads, made.model.layers, made.model.feedforward) == (HEADS, LAYERS, HIDDEN)
    assert left() == ["lesson"]


@OFFSETS
def test_says_in_its_card_what_was_found(lesson: Lesson, first_row: int) -> None:
    made = lesson.save(net(first_row)).run(words=50)
    assert made.origin == {
        "file": lesson.file.name,
        "vectors": "glove.txt",
        "rows": 80 + first_row,
        "rows_kept": 52,
        "first_row": first_row,
        "alike": 1.0,
        "cosine": pytest.approx(1.0),
    }
    assert f"{made.metrics['test_accuracy']:.1%} of 60 AG News test texts" in made.card
    assert ("stand two off" in made.card) == (first_row == 0)
    assert ("belong together" in made.card) == (first_row == 2)
    assert f"52 of {80 + first_row} rows" in made.card
    assert "2 attention heads" in made.card and "lower than the lesson's" in made.card
    assert "trained further" not in made.card


@OFFSETS
def test_finds_the_words_of_vectors_that_were_trained_further(
    lesson: Lesson, first_row: int
) -> None:
    torch.manual_seed(3)
    moved = glove() + 0.4 * torch.randn(80, DIM)
    made = lesson.save(net(first_row, vectors=moved)).run()
    assert made.origin["first_row"] == first_row
    assert made.origin["cosine"] < 0.99
    assert "trained further" in made.card
    rows = checkpoint_files.load_model(made).embedding.weight[first_row:]
    assert rows.equal(moved[: len(rows)].half().float())


def test_keeps_the_rows_of_the_first_words(lesson: Lesson) -> None:
    theirs = net()
    made = lesson.save(theirs).run(words=30)
    assert checkpoint_files.load_model(made).embedding.weight.equal(theirs.emb.weight[:32])
    assert list(checkpoint_files.load_vocabulary(made).itos) == ["<unk>", "<pad>", *WORDS[:30]]
    glove_file(lesson.vectors, glove()[:40])  # a file of fewer words than the model knows
    made = lesson.run(name="fewer")
    assert made.model.vocab_size == 42
    assert made.model.parameters == sum(
        w.numel() for w in checkpoint_files.load_model(made).parameters()
    )


def test_finds_the_offset_among_real_vectors(lesson: Lesson, shared_data: Path) -> None:
    lesson.vectors = shared_data / "glove" / "glove.6B.100d.head.txt"
    _, vectors = drain(word_vectors.load_vectors(lesson.vectors, 1500))
    for first_row in (0, 2):
        lesson.save(net(first_row, classes=2, vectors=vectors))
        made = lesson.run(name=f"lesson {first_row}", words=1000)
        assert (made.origin["first_row"], made.origin["alike"]) == (first_row, 1.0)
        assert made.model.vocab_size == 1002
    lesson.save(net(1, classes=2, vectors=vectors))
    with pytest.raises(UnfreezeError, match="does not hold the vectors"):
        lesson.run(name="one off", words=1000)


def test_a_model_of_other_classes_is_imported_without_a_measurement(lesson: Lesson) -> None:
    made = lesson.save(net(classes=2)).run(ag_news_source="/nowhere")
    assert (made.labels, made.metrics) == (("class 0", "class 1"), {})
    assert made.dataset != "ag_news" and "Not measured" in made.card


def test_a_file_in_torchs_older_format_is_read_too(lesson: Lesson) -> None:
    new = lesson.save(net()).run(name="new")
    old = lesson.save(net(), _use_new_zipfile_serialization=False).run(name="old")
    assert old.metrics == new.metrics


def changed(change: Callable[[dict[str, Tensor]], object]) -> dict[str, Tensor]:
    weights = dict(net().state_dict())
    change(weights)
    return weights


def test_draws_no_random_number_of_those_that_a_run_beside_it_draws(lesson: Lesson) -> None:
    lesson.save(net())
    before = torch.get_rng_state()
    lesson.run()
    assert torch.equal(before, torch.get_rng_state())


def test_names_every_mismatch(lesson: Lesson) -> None:
    layer = "transformer_encoder.layers"

    def change(weights: dict[str, Tensor]) -> None:
        del weights[f"{layer}.0.norm1.bias"], weights["pos_encoder.pe"]
        weights["extra.weight"] = torch.zeros(2)
        weights[f"{layer}.1.linear2.weight"] = torch.zeros(DIM, 7)
        weights["classifier.bias"] = torch.zeros(3)

    sentence = lesson.save(changed(change)).refused()
    for fault in (
        f"{layer}.0.norm1.bias is missing",
        "pos_encoder.pe is missing",
        "extra.weight does not belong there",
        f"{layer}.1.linear2.weight is [16, 7] instead of [16, 24]",
        "classifier.bias is [3] instead of [4]",
    ):
        assert fault in sentence
    assert sentence.count(" instead of ") == 2 and sentence.count(" is missing") == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda w: [w.pop(name) for name in ("emb.weight", "classifier.bias")],
            ["emb.weight is missing", "classifier.bias is missing"],
        ),
        (lambda w: w.update({"emb.weight": torch.zeros(5)}), ["emb.weight is no matrix"]),
        (
            lambda w: [w.pop(name) for name in list(w) if ".layers." in name],
            ["layers.0.self_attn.in_proj_weight is missing", "layers.0.linear1.weight is missing"],
        ),
        (
            lambda w: [w.pop(name) for name in list(w) if ".layers.0.norm" in name],
            ["layers.0.norm1.weight is missing", "layers.0.norm2.bias is missing"],
        ),
        (
            lambda w: w.update({"classifier.weight": torch.zeros(4, 3)}),
            ["classifier.weight is [4, 3] instead of [4, 16]"],
        ),
        (
            lambda w: w.update({"pos_encoder.pe": torch.zeros(1, 9, 3)}),
            ["pos_encoder.pe is [1, 9, 3] instead of [1, places, 16]"],
        ),
        (lambda w: w["pos_encoder.pe"].add_(1), ["other positions than the sinusoidal ones"]),
        (lambda w: w["classifier.bias"].fill_(math.nan), ["no numbers in classifier.bias"]),
        (lambda w: w.update({"emb.weight": w["emb.weight"].int()}), ["emb.weight"]),
        (lambda w: w.update({"emb.weight": torch.zeros(1).expand(10**9, DIM)}), ["emb.weight"]),
        (lambda w: w.update({"emb.weight": torch.empty(0, DIM)}), ["vocab_size is 0"]),
        (lambda w: w.update({"emb.weight": w["emb.weight"][:1].clone()}), ["does not hold"]),
    ],
)
def test_refuses_a_model_of_another_make(
    lesson: Lesson, change: Callable[[dict[str, Tensor]], object], said: list[str]
) -> None:
    sentence = lesson.save(changed(change)).refused()
    assert [part for part in said if part not in sentence] == []


@pytest.mark.parametrize(
    ("heads", "said"), [(3, "are not divisible by 3 attention heads"), (0, "heads is 0")]
)
def test_heads_must_divide_the_vectors(lesson: Lesson, heads: int, said: str) -> None:
    assert said in lesson.save(net()).refused(heads=heads)


def test_heads_change_what_the_model_says(lesson: Lesson) -> None:
    lesson.save(net())
    two, four = (lesson.run(name=f"{heads} heads", heads=heads) for heads in (2, 4))
    ids, lengths = torch.arange(2, 9)[None], torch.tensor([7])
    scores = [checkpoint_files.load_model(one)(ids, lengths) for one in (two, four)]
    assert not scores[0].allclose(scores[1])


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("make", ["zip", "old", "pickle"])
def test_a_file_that_wants_to_run_code_is_refused_and_nothing_runs(
    lesson: Lesson, tmp_path: Path, make: str
) -> None:
    marker = tmp_path / "it ran"
    content = {**net().state_dict(), "classifier.bias": Bomb(marker)}
    if make == "pickle":
        lesson.file.write_bytes(pickle.dumps(content, protocol=2))
        open_it: Callable[[], object] = lambda: pickle.loads(lesson.file.read_bytes())  # noqa: E731
    else:
        lesson.save(content, _use_new_zipfile_serialization=make == "zip")
        open_it = lambda: torch.load(lesson.file, weights_only=False)  # noqa: E731
    assert "refused, and nothing in it was run" in lesson.refused()
    assert not marker.exists()
    open_it()
    assert marker.exists()  # so the file was dangerous indeed


def test_a_file_that_swells_is_refused_before_it_fills_the_memory(lesson: Lesson) -> None:
    lesson.save({"emb.weight": torch.zeros(2_000_000)})
    with zipfile.ZipFile(lesson.file) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(lesson.file, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name, data in parts.items():
            bomb.writestr(name, data)
    assert lesson.file.stat().st_size < 20_000
    assert len(torch.load(lesson.file, weights_only=True)["emb.weight"]) == 2_000_000  # it works
    assert "unpacks to far more than its size" in lesson.refused()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_in_a_files_place_does_not_hang(lesson: Lesson, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lesson.save(net())
    lesson.file, kept = pipe, lesson.file
    assert "neither a file nor a folder" in lesson.refused()
    lesson.file, lesson.vectors = kept, pipe
    assert "neither a file nor a folder" in lesson.refused()


def test_a_whole_module_is_refused(lesson: Lesson) -> None:
    torch.save(net(), lesson.file)
    assert "holds something else than plain weights" in lesson.refused()


def test_damaged_and_foreign_files_are_told_in_a_sentence(lesson: Lesson, tmp_path: Path) -> None:
    for older in (False, True):
        lesson.save(net(), _use_new_zipfile_serialization=not older)
        whole = lesson.file.read_bytes()
        for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            lesson.file.write_bytes(whole[:size])
            lesson.refused()
    for content in (b"<html>", b"hello there\n" * 50, b"PK\x03\x04" + bytes(90), os.urandom(999)):
        lesson.file.write_bytes(content)
        lesson.refused()
    assert "holds no weights by name" in lesson.save([1, 2]).refused()
    assert "holds no weights by name" in lesson.save({}).refused()
    nested = {"epoch": 3, "state_dict": net().state_dict()}
    assert "(epoch, state_dict)" in lesson.save(nested).refused()
    lesson.file = tmp_path
    assert "cannot be read" in lesson.refused()
    lesson.file = tmp_path / "absent.pth"
    assert "cannot be read (No such file" in lesson.refused()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_any_damage_ends_in_a_model_or_a_sentence(lesson: Lesson) -> None:
    for older in (False, True):
        lesson.save(net(classes=2), _use_new_zipfile_serialization=not older)
        whole = lesson.file.read_bytes()
        rng = random.Random(0)
        for number in range(150):
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 8)):
                # Most at the start, where the structure stands; the rest are plain numbers.
                damaged[rng.randrange(2500 if rng.random() < 0.7 else len(whole))] = rng.randrange(
                    256
                )
            lesson.file.write_bytes(damaged)
            try:
                made = lesson.run(name=f"{older} {number}")
            except UnfreezeError as error:
                assert "\n" not in str(error)
            else:
                checkpoint_files.load_model(made)


def test_vectors_that_it_was_not_made_with_are_refused(lesson: Lesson) -> None:
    lesson.save(net())
    glove_file(lesson.vectors, glove(seed=2))
    assert "does not hold the vectors" in lesson.refused()
    glove_file(lesson.vectors, glove()[list(range(79, -1, -1))])  # the right ones, in another order
    assert "does not hold the vectors" in lesson.refused()
    glove_file(lesson.vectors, glove(dim=8))
    sentence = lesson.refused()
    assert "8-d" in sentence and "16-d" in sentence
    lesson.vectors.write_text("no vectors here\n")
    lesson.refused()
    lesson.vectors.unlink()
    assert "cannot be read" in lesson.refused()


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "a\\b", "/tmp/x", ".hidden", "a\0b", "a\nb", "a ", "a" * 61],
)
def test_a_name_leads_nowhere_else(lesson: Lesson, name: str) -> None:
    assert "cannot name a checkpoint" in lesson.save(net()).refused(name=name)


def test_a_name_that_is_taken_stays_as_it_is(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = lesson.save(net()).run()
    before = {file.name: file.read_bytes() for file in made.path.iterdir()}
    lesson.save(net(2))
    with pytest.raises(UnfreezeError, match="already"):
        lesson.run()
    assert {file.name: file.read_bytes() for file in made.path.iterdir()} == before
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "bundled")
    (tmp_path / "bundled" / "starter").mkdir(parents=True)
    with pytest.raises(UnfreezeError, match="already"):
        lesson.run(name="starter")
    assert left() == ["lesson"]


def test_nothing_is_left_wherever_it_is_cancelled(lesson: Lesson) -> None:
    lesson.save(net()).run(name="whole")
    steps = len(lesson.events)
    phases = [event.phase for event in lesson.events if isinstance(event, Progress)]
    assert list(dict.fromkeys(phases)) == ["reading", "vectors", "encoding", "testing", "saving"]
    for step in range(1, steps + 1):
        task = import_lesson(lesson.file, lesson.vectors, ag_news_source=str(lesson.news))
        for _ in range(step):
            next(task)
        task.close()
        assert left() == ["whole"]


def test_nothing_is_left_where_the_data_is_missing_or_the_disk_refuses(lesson: Lesson) -> None:
    lesson.save(net())
    assert "is not there" in lesson.refused(ag_news_source="/nowhere")
    paths.home().mkdir()
    paths.checkpoints_dir().write_text("in the way")
    assert "cannot be written" in lesson.refused()


def test_a_failure_in_the_middle_of_saving_leaves_nothing(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CARD", "no such folder/README.md")
    assert "cannot be written" in lesson.save(net()).refused()


def test_the_command_line_imports_and_refuses(
    lesson: Lesson, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["import", str(lesson.file), "--vectors", str(lesson.vectors), "--json"]
    command += ["--source", str(lesson.news)]
    lesson.save(net())
    assert main(command) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["ref"] == "lesson" and 0 < last["test_accuracy"] < 1
    assert main(command) == 1
    assert capsys.readouterr().err.count("\n") == 1
    lesson.save(net(classes=2))
    assert main([*command, "--name", "two classes"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ref"] == "two classes"
