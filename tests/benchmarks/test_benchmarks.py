"""The benchmarks, on 200 synthetic reviews and a model of some hundred weights."""

import io
import json
import random
import tarfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import encoders, gpu
from benchmarks.data import import_rows, near_duplicates
from benchmarks.harness import data, machine, throughput
from benchmarks.harness.throughput import Loop, Schedule, Throughput, TimedSteps
from benchmarks.inference import batch_predictions, predict, prediction_sets
from benchmarks.labels import active_learning, proposals, second_look
from benchmarks.training import (
    learning_curve,
    lesson,
    lesson_loop,
    memory,
    plain_loop,
    scaling,
    trainer_loop,
    unfreeze_loop,
)
from ftcore import paths
from ftcore.inference import table_texts
from ftcore.models import checkpoints
from tests.helpers import small_encoders, small_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with an aclImdb.tar.gz of synthetic reviews of 4 to 13 words."""
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    with tarfile.open(folder / "aclImdb.tar.gz", "w:gz") as tar:
        for number in range(220):
            part = "train" if number < 200 else "test"
            words = draw.choices(small_runs.WORDS[2:], k=draw.choice((3, 8, 12)))
            text = " ".join([*words, ("bad", "good")[number % 2]]).encode()
            member = tarfile.TarInfo(f"aclImdb/{part}/{('neg', 'pos')[number % 2]}/{number}_1.txt")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return folder


@pytest.fixture(autouse=True)
def small_inputs(archive, tmp_path, monkeypatch):
    """Small reviews, a small starter, a small matrix product, and short turns."""
    monkeypatch.setenv("UNFREEZE_DATA", str(archive))
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "bundled")
    small_runs.bundled(tmp_path / "bundled")
    monkeypatch.setattr(lesson_loop, "VECTORS", 20)
    monkeypatch.setattr(machine, "SIZE", 64)
    monkeypatch.setattr(machine, "LIMIT_SECONDS", 0.01)
    monkeypatch.setattr(trainer_loop, "MEGABATCH", 2)
    monkeypatch.setattr(lesson, "FULL", Schedule(1, 0.01))


@pytest.fixture
def reviews():
    with data.workspace() as folder:
        yield folder


@pytest.fixture
def prepared(reviews):
    return unfreeze_loop.prepare(unfreeze_loop.config(reviews, epochs=2))


@pytest.fixture
def notebook(reviews, prepared):
    return lesson_loop.Notebook(reviews, prepared.tokenizer.words, prepared.model)


def figures(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The JSON in the last line of the output."""
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_the_lesson_answers_a_text_by_the_other_texts_of_its_batch(notebook):
    model = notebook.classifier(last_layer=False).eval()
    short, long = notebook.encode("the film is good"), notebook.encode("bad , " * 20)
    alone = torch.tensor([short])
    padded = torch.tensor([short + [0] * (len(long) - len(short)), long])
    with torch.no_grad():
        assert not torch.allclose(model(alone)[0], model(padded)[0], atol=1e-3)
        # Attention runs across the batch, also without padding.
        other = torch.tensor([short, list(reversed(short))])
        assert not torch.allclose(model(alone)[0], model(other)[0], atol=1e-4)
        # It does not run along a text: without positions the order of words has no effect.
        model.positions.zero_()
        assert torch.allclose(model(alone), model(alone.flip(1)), atol=1e-5)


def test_the_lesson_looks_up_vectors_two_places_off_and_pads_with_the_id_of_unk(notebook):
    vectors = notebook.pretrained.embedding.weight
    for word in ("the", "film", "is"):
        rank = small_runs.WORDS.index(word)
        assert torch.equal(notebook.vectors[notebook.encode(word)[0]], vectors[rank + 2])
    assert notebook.encode("never-seen") == [0]
    _, ids = next(iter(notebook.batches(notebook.train)))
    assert ids.shape == (lesson_loop.BATCH, 13)  # as wide as the longest review
    assert (ids[:, -1] == 0).any()


def test_the_lesson_trains_only_the_new_head_of_the_last_layer(notebook):
    model = notebook.classifier(last_layer=True)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    next(lesson_loop.train(model, notebook.batches(notebook.train)))
    moved = {name for name, w in model.state_dict().items() if not torch.equal(w, before[name])}
    assert moved == {"classifier.weight", "classifier.bias"}


def test_the_plain_loop_answers_each_text_by_itself(prepared):
    model = plain_loop.PlainClassifier(prepared.model).eval()
    short, long = torch.tensor([2, 3, 4, 5]), torch.arange(2, 9)
    padded = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True, padding_value=1)
    with torch.no_grad():
        assert torch.allclose(model(short[None])[0], model(padded)[0], atol=1e-5)
        expected = prepared.model(short[None], torch.tensor([4]))
        model.classifier.load_state_dict(prepared.model.classifier.state_dict())
        assert torch.allclose(model(short[None]), expected, atol=1e-4)


def test_unfreeze_loop_counts_every_review_once_and_leaves_the_prepared_run_alone(prepared):
    weights = prepared.model.classifier.weight.clone()
    steps = list(unfreeze_loop.train(unfreeze_loop.copy_run(prepared)))
    assert sum(step.reviews for step in steps) == 2 * len(prepared.train_rows)
    assert all(step.seconds > 0 for step in steps)
    assert torch.equal(prepared.model.classifier.weight, weights)


def test_loops_take_turns_and_warm_up_once():
    turns: list[str] = []

    def loop(name: str, reviews: int) -> Loop:
        while True:
            turns.append(name)
            yield TimedSteps(1.0, reviews)

    results: dict[str, Throughput] = {}
    loops = {"slow": loop("slow", 10), "fast": loop("fast", 40)}
    for _ in range(2):
        throughput.interleave(loops, Schedule(2, 1.0), results)
    assert turns == ["slow", "fast"] * 5
    assert results["fast"].overall == 4 * results["slow"].overall
    assert results["fast"].by_turn == [40] * 4


def test_lesson_reports_consistent_figures(capsys):
    lesson.main(["--full"])
    result = figures(capsys)
    assert result["last_layer_speedup"] > 0
    pace = result["reviews_per_second"]
    assert {"plain loop, fp32", "Trainer, fp32"} <= pace.keys()
    expected = pace["Unfreeze, full"] / pace["lesson, full"]
    assert result["full_speedup"] == pytest.approx(expected, rel=0.01)
    assert result["last_layer"]["to_best"] <= result["last_layer"]["seconds"]
    assert result["machine"]["torch"] == torch.__version__
    assert 0 <= result["full"]["accuracy"] <= 1


def test_encoders_compares_all_sides(reviews, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(encoders, "LENGTH", 16)
    monkeypatch.setattr(encoders, "VECTOR_LENGTH", 16)
    folder = small_encoders.write_folder(tmp_path / "tiny")
    encoders.compare(reviews, folder, encoders.Sizes(64, 64, Schedule(1, 0.01), 3))
    result = figures(capsys)
    pace = result["training"]
    expected = pace[encoders.OURS] / pace[encoders.AS_IT_COMES]
    assert result["times_as_it_comes"] == pytest.approx(expected, rel=0.01)
    expected = result["trainer_frozen_seconds_extrapolated"] / result["last_layer_seconds"]
    assert result["times_trainer_frozen"] == pytest.approx(expected, rel=0.01)
    assert result["training_share_of_limit"] > 0 and result["vectors_share_of_limit"] > 0


def test_gpu_measures_both_models_and_the_trainer(reviews, tmp_path, capsys):
    gpu.compare(reviews, small_encoders.write_folder(tmp_path / "tiny"), gpu.Sizes(40, 0.01))
    rows = figures(capsys)["rows"]
    sides = ("full", "last layer", "full, Trainer")
    assert [row["name"] for row in rows] == [
        f"{m}, {side}" for m in ("starter", "tiny") for side in sides
    ]
    for row in rows:
        assert row["seconds_an_epoch"] == pytest.approx(40 / row["reviews_per_second"], rel=0.01)


def test_scaling_measures_by_number_and_by_length(reviews, capsys):
    scaling.compare(reviews, scaling.Sizes((40, 0), 1024, 1), (8, 64))
    result = figures(capsys)
    assert [row["texts"] for row in result["by_number"]] == [40, 190]
    assert [(row["length"], row["texts"]) for row in result["by_length"]] == [(8, 128), (64, 16)]
    assert all(row["tokens"] == 1024 and row["gigaflops"] > 0 for row in result["by_length"])


def test_operations_of_a_token_are_those_of_the_layers(reviews):
    prepared = unfreeze_loop.prepare(unfreeze_loop.config(reviews, precision="bf16", device="cpu"))
    length = 16
    run = scaling.cut(prepared, length, 32 * length)
    spec = run.model.spec
    layer = 4 * spec.dim**2 + 2 * spec.dim * spec.feedforward + 2 * length * spec.dim
    # Forward, and twice that backward; the frozen input of the first layer needs no gradient.
    assert scaling.operations(run) == pytest.approx(6 * layer * spec.layers, rel=0.15)


def test_predict_measures_idle_and_beside_a_run(reviews, monkeypatch, capsys):
    monkeypatch.setattr(unfreeze_loop, "REF", "bench")
    predict.compare(reviews, predict.Counts(5, 2, 50, 1))
    result = figures(capsys)
    for name in ("short_idle", "short_busy", "why_idle", "why_busy"):
        assert 0 < result[f"{name}_p50_ms"] <= result[f"{name}_p95_ms"]
    assert result["encoding_cached_seconds"] > 0


def test_sets_by_class_are_compared_at_the_same_coverage(capsys):
    """The second class has 0.6 at most, so one threshold for both covers the first one too well."""
    draw = np.random.default_rng(0)
    truth = (draw.random(4_000) < 0.3).astype(int)
    second = np.where(truth == 1, draw.uniform(0.2, 0.6, 4_000), draw.uniform(0, 0.3, 4_000))
    prediction_sets.compare("made up", np.c_[1 - second, second], truth, 5)
    result = figures(capsys)
    assert result["coverage"] == pytest.approx(0.95, abs=0.02)
    assert result["coverage_per_class"] == pytest.approx([0.95, 0.95], abs=0.03)
    assert result["ratio_worst"] > 1.1 and result["ratio_worst"] > result["ratio_overall"]


def test_import_rows_reads_and_adds_each_form(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(import_rows, "alone", import_rows.measured)  # not in processes of their own
    import_rows.measure(tmp_path, 300)
    works = figures(capsys)["figures"]
    assert [(each["form"], each["work"], each["rows"]) for each in works] == [
        ("csv", "read", 300),
        ("csv", "add", 300),
        ("jsonl", "read", 300),
        ("json", "read", 300),
        ("parquet", "read", 300),
    ]


def test_near_duplicates_counts_what_was_planted(archive, capsys):
    near_duplicates.measure(archive, 210)
    result = figures(capsys)
    assert result["texts"] == 210
    assert result["recall"] == 0, "reviews of 13 words at most are other texts by one word"
    assert result["copies"] > 0 and result["cpu_seconds"] > 0


def test_memory_measures_this_process(capsys):
    memory.main(["--short"])
    result = figures(capsys)
    assert 100 < result["before_training"] <= result["peak_megabytes"]


def test_learning_curve_computes_the_vectors_of_a_text_once(reviews, tmp_path, capsys):
    model = small_encoders.write_folder(tmp_path / "small", max_position_embeddings=128)
    learning_curve.measure(reviews, model, ("last-layer", "linear-probe"), "20,40", "0")
    found = figures(capsys)
    assert found["runs"] == 4 and 0 < found["vectors_once"] < found["vectors_each"]


def test_a_simulated_labeller_gives_both_arms_the_same_number_of_labels(archive, home, capsys):
    sizes = active_learning.Sizes(pool=120, test=15, labels=30, seeds=2)
    source = archive / "aclImdb.tar.gz"
    active_learning.compare("imdb", source, checkpoints.find("starter"), sizes)
    result = figures(capsys)
    assert result["labels"] == [10, 20, 30] and result["chosen"][0] == result["random"][0]
    assert len(result["margin"]) == 3


def test_planted_labels_are_found_and_their_correction_is_measured(archive, home, tmp_path, capsys):
    """The last word of a review tells its class, so random weights find some of what was flipped."""
    reviews = second_look.read(archive / "aclImdb.tar.gz", second_look.Sizes(200, 20))
    assert len(reviews) == 220 and [label for _, label, _ in reviews].count("neg") == 110
    row = second_look.measure(tmp_path, reviews, 0.2, "starter")
    result = figures(capsys)
    assert result["found_among_as_many"] > 0.3 * result["flipped"] > 0  # at random: 0.2
    assert {"as_they_were", "corrected"} <= result["gain"].keys() and "±" in list(row.values())[2]


def test_proposals_come_from_all_arms(tmp_path, home, monkeypatch, capsys):
    monkeypatch.setattr(proposals, "PAUSE", 0.05)
    monkeypatch.setattr(proposals.vectors, "in_parts", None)  # restored afterwards
    proposals.measure(tmp_path, proposals.Sizes(texts=200, labels=60))
    out = capsys.readouterr().out
    assert "chosen" in out and "held-out" in out
    assert json.loads(out.splitlines()[-1])["p95_ms"] > 0


def test_a_file_of_answers_is_measured_before_and_after_its_interruption(
    tmp_path, monkeypatch, capsys
):
    def in_this_process(path, output, until):
        return batch_predictions.answered(path, output, until)

    monkeypatch.setattr(batch_predictions, "_alone", in_this_process)  # which has the small models
    monkeypatch.setattr(table_texts, "ROWS", 8)
    batch_predictions.measure(tmp_path, 30)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    # The second part of eight was answered, and lost before it was written.
    assert (figures["interrupted"]["rows"], figures["resumed"]["rows"]) == (16, 22)
    assert figures["resumed"]["peak_megabytes"] > 0
    assert len(pd.read_parquet(tmp_path / "answers.parquet")) == 30
