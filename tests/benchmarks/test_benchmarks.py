"""The benchmarks, on a few dozen made-up reviews and a model of some hundred weights."""

import io
import json
import random
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.harness import data, machine, measure, picture, report
from benchmarks.harness.measure import Pace, Plan, Stretch
from benchmarks.inference import predict
from benchmarks.training import attention, lesson, memory, original, ours, plain, scaling, sides
from ftcore import paths
from tests.helpers import small_runs

REVIEWS = 200


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an aclImdb.tar.gz of made-up reviews, of 4 to 13 words."""
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    with tarfile.open(folder / "aclImdb.tar.gz", "w:gz") as tar:
        for part, count in (("train", REVIEWS), ("test", 20)):
            for number in range(count):
                label = ("neg", "pos")[number % 2]
                length = draw.choice((3, 8, 12))
                words = [draw.choice(small_runs.WORDS[2:]) for _ in range(length)]
                text = " ".join([*words, ("bad", "good")[number % 2]]).encode()
                member = tarfile.TarInfo(f"aclImdb/{part}/{label}/{number}_1.txt")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
    return folder


@pytest.fixture(autouse=True)
def small_world(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small reviews, a small starter, and a matrix product that takes no time."""
    monkeypatch.setenv("UNFREEZE_DATA", str(archive))
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "bundled")
    small_runs.bundled(tmp_path / "bundled")
    monkeypatch.setattr(original, "VECTORS", 20)
    monkeypatch.setattr(machine, "SQUARE", (64, 64, 64))


@pytest.fixture
def reviews() -> Iterator[Path]:
    with data.workspace() as folder:
        yield folder


@pytest.fixture
def notebook(reviews: Path) -> original.Lesson:
    prepared = ours.prepare(ours.config(reviews))
    return original.Lesson(reviews, prepared.vocabulary, prepared.model)


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the last line says."""
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_the_lesson_s_answer_for_a_text_depends_on_its_company(notebook: original.Lesson) -> None:
    net = notebook.net(last_layer=False).eval()
    short, long = notebook.pipeline("the film is good"), notebook.pipeline("bad , " * 20)
    alone = torch.tensor([short])
    padded = torch.tensor([short + [0] * (len(long) - len(short)), long])
    with torch.no_grad():
        assert not torch.allclose(net(alone)[0], net(padded)[0], atol=1e-3)
        # Without any padding too: attention runs across the batch.
        other = torch.tensor([short, list(reversed(short))])
        assert not torch.allclose(net(alone)[0], net(other)[0], atol=1e-4)
        # And along no text: in one alone the order of words is nothing but the place of each.
        net.positions.zero_()
        assert torch.allclose(net(alone), net(alone.flip(1)), atol=1e-5)


def test_the_plain_loop_s_does_not(reviews: Path) -> None:
    prepared = ours.prepare(ours.config(reviews))
    net = plain.Plain(prepared.model).eval()
    short, long = torch.tensor([2, 3, 4, 5]), torch.arange(2, 9)
    padded = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True, padding_value=1)
    with torch.no_grad():
        assert torch.allclose(net(short[None])[0], net(padded)[0], atol=1e-5)
        same = prepared.model(short[None], torch.tensor([4]))
        net.classifier.load_state_dict(prepared.model.classifier.state_dict())
        assert torch.allclose(net(short[None]), same, atol=1e-4)


def test_the_lesson_s_words_have_the_vectors_of_others(notebook: original.Lesson) -> None:
    vectors = notebook.pretrained.embedding.weight
    for word in ("the", "film", "is"):
        row = notebook.pipeline(word)[0]
        rank = small_runs.WORDS.index(word)
        assert torch.equal(notebook.vectors[row], vectors[rank + 2])
    assert notebook.pipeline("never-seen") == [0]


def test_the_lesson_pads_with_the_id_of_unk_to_the_longest(notebook: original.Lesson) -> None:
    labels, ids = next(iter(notebook.batches(notebook.train)))
    assert len(labels) == len(ids) == original.BATCH
    assert ids.shape[1] == 13  # the longest made-up review
    assert (ids[:, -1] == 0).any()


def test_only_the_new_head_of_the_lesson_s_last_layer_moves(notebook: original.Lesson) -> None:
    net = notebook.net(last_layer=True)
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    next(original.stretches(net, notebook.batches(notebook.train)))
    moved = {n for n, w in net.state_dict().items() if not torch.equal(w, before[n])}
    assert moved == {"classifier.weight", "classifier.bias"}


def test_an_epoch_of_the_lesson_is_all_of_its_reviews(notebook: original.Lesson) -> None:
    seconds, accuracy = notebook.epoch()
    assert seconds > 0
    assert 0 <= accuracy <= 1
    assert (len(notebook.train), len(notebook.valid)) == (REVIEWS * 95 // 100, REVIEWS * 5 // 100)


def test_our_side_counts_every_review_once_and_starts_from_the_same_weights(reviews: Path) -> None:
    prepared = ours.prepare(ours.config(reviews, epochs=2))
    weights = prepared.model.classifier.weight.clone()
    found = list(ours.stretches(ours.fresh(prepared)))
    assert sum(stretch.reviews for stretch in found) == 2 * len(prepared.train_rows)
    assert all(stretch.seconds > 0 for stretch in found)
    assert torch.equal(prepared.model.classifier.weight, weights)
    assert (prepared.step, prepared.best) == (0, None)


def test_sides_take_turns_and_warm_up_once() -> None:
    turns: list[str] = []

    def side(name: str, pace: int) -> measure.Side:
        while True:
            turns.append(name)
            yield Stretch(1.0, pace)

    paces: dict[str, Pace] = {}
    for _ in range(2):
        measure.take_turns(
            {"slow": side("slow", 10), "fast": side("fast", 40)}, Plan(2, 1.0), paces
        )
    assert turns == ["slow", "fast"] * 5
    assert measure.ratio(paces["fast"], paces["slow"]) == 4
    assert measure.ratios(paces["fast"], paces["slow"]) == [4] * 4


@pytest.mark.parametrize("option", ["--short", "--full"])
def test_lesson_ends_with_its_line_of_json(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lesson, "SHORT", Plan(1, 0.01))
    monkeypatch.setattr(lesson, "FULL", Plan(1, 0.01))
    lesson.main([option])
    found = figures(capsys)
    assert found["benchmark"] == "lesson"
    for name in (
        "full_speedup",
        "last_layer_speedup",
        "reviews_per_second",
        "lesson_reviews_per_second",
    ):
        assert found[name] > 0
    assert found["full_speedup"] == pytest.approx(
        found["reviews_per_second"] / found["lesson_reviews_per_second"], rel=0.01
    )
    assert found["max_length"] >= 256
    assert found["machine"]["torch"] == torch.__version__
    assert ("val_accuracy" in found) == (option == "--full")


def test_sides_measures_every_side(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sides, "FULL", Plan(1, 0.01))
    monkeypatch.setattr(plain, "MEGABATCH", 2)
    sides.main(["--full"])
    found = figures(capsys)["reviews_per_second"]
    assert {"lesson", "plain loop, fp32", "Trainer, fp32"} <= found.keys()
    assert any(name.startswith("ours") for name in found)
    assert all(pace > 0 for pace in found.values())


def test_the_trainer_trains_our_model_too(reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MEGABATCH", 2)
    run = ours.fresh(ours.prepare(ours.config(reviews)))
    before = run.model.classifier.weight.clone()
    assert (
        next(plain.trainer_stretches(run, "fp32", our_model=True)).reviews
        == 2 * run.config.batch_size
    )
    assert not torch.equal(run.model.classifier.weight, before)


def test_scaling_measures_both_ways(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scaling, "SHORT", scaling.Plan((40, 0), 1024, 1))
    monkeypatch.setattr(scaling, "LENGTHS", (8, 64))
    scaling.main(["--short"])
    found = figures(capsys)
    assert [row["texts"] for row in found["by_number"]] == [40, 190]
    assert [(row["length"], row["texts"]) for row in found["by_length"]] == [(8, 128), (64, 16)]
    assert all(row["tokens"] == 1024 and row["gigaflops"] > 0 for row in found["by_length"])


def test_the_picture_is_drawn_without_a_network(reviews: Path, tmp_path: Path) -> None:
    if not picture.browser():
        pytest.skip("no chromium: install it, or name it with CHROMIUM")
    run = ours.prepare(ours.config(reviews))
    costs = [scaling.Cost(run, [2.0, 1.0, 4.0])]
    with ThreadPoolExecutor(1) as pool:  # this thread's Playwright serves the browser tests
        pool.submit(picture.save, scaling.figure(costs, costs), tmp_path / "scaling.svg").result()
    drawn = (tmp_path / "scaling.svg").read_text("utf-8")
    assert drawn.startswith("<svg")
    assert all(f">{title}<" in drawn for title in ("Seconds an epoch, by reviews", "256"))


def test_operations_of_a_token_are_those_of_the_layers(reviews: Path) -> None:
    prepared = ours.prepare(ours.config(reviews, precision="bf16", device="cpu"))
    length = 16
    run = scaling._cut(prepared, length, 32 * length)
    shape = run.model.shape
    layer = 4 * shape.dim**2 + 2 * shape.dim * shape.feedforward + 2 * length * shape.dim
    counted = scaling._operations(run)
    # Forward, and twice that backward; the first layer's input, frozen, needs no gradient.
    assert counted == pytest.approx(6 * layer * shape.layers, rel=0.15)


def test_attention_compares_the_product_s_two_paths(capsys: pytest.CaptureFixture[str]) -> None:
    attention.compare((8,), 64, 0.001)
    (found, *_) = figures(capsys)["lengths"]
    assert found["ratio"] == pytest.approx(found["fused_ms"] / found["written_out_ms"], rel=0.01)
    assert found["layer_ratio"] > 0


def test_predict_measures_idle_and_beside_a_run(
    reviews: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ours, "REF", "bench")
    predict.compare(reviews, predict.Plan(5, 2, 50, 1))
    found = figures(capsys)
    assert 0 < found["short_idle_p50_ms"] <= found["short_idle_p95_ms"]
    assert 0 < found["short_busy_p50_ms"] <= found["short_busy_p95_ms"]
    assert found["why_idle_p50_ms"] > 0 and found["why_busy_p50_ms"] > 0
    assert found["encoding_cached_seconds"] > 0


def test_memory_measures_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    memory.main(["--short"])
    found = figures(capsys)
    assert 100 < found["before_training"] <= found["peak_megabytes"]


def test_a_missing_archive_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="UNFREEZE_DATA"):
        lesson.main(["--short"])


def test_spread_is_legible() -> None:
    assert report.spread([3, 1, 2000], 1) == "3.0 (1.0 to 2,000.0)"
