"""Texts of several labels or none: sigmoid outputs, a threshold for each label, figures of their own."""

import json
import random
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics

from ftcore import answers, paths, tracking
from ftcore.cli import main
from ftcore.data import datasets
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Progress, drain
from ftcore.experiments import macro_f1, verdict
from ftcore.experiments.comparison import Pair, Side, sides
from ftcore.inference import explanation, prediction, table_prediction
from ftcore.models import checkpoints
from ftcore.training import best_measure, objective, outcome
from pages.components.charts import (
    answers_figure,
    curve_figures,
    diagnostics_figures,
    tradeoff_figure,
)
from pages.components.charts.live_chart import metrics_of
from pages.components.compare import learning_curve_report, learning_curve_summary, summary
from pages.components.compare.predictions import DIFFERENT, RunPredictions, texts_in_cell
from tests.helpers import fake_results, paused_runs, small_runs
from tests.helpers.app_pages import open_page

LABELS = ("praise", "blame", "length")
WORDS = ("good", "bad", "not")  # each stands for a label
TEXTS = [
    (
        " ".join(["the film", *(word for word, has in zip(WORDS, chosen, strict=True) if has)]),
        chosen,
    )
    for chosen in product((False, True), repeat=3)
]


@pytest.fixture(autouse=True)
def several(monkeypatch):
    """Texts of all sets of labels, the empty one among them; "good" and "bad" are also said of others."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    labels = [tuple(np.flatnonzero(chosen).tolist()) for _, chosen in TEXTS]
    parts = [datasets.Texts([text for text, _ in TEXTS] * n, labels * n) for n in (40, 5)]
    dataset = datasets.TextDataset(
        "sample", "Several", LABELS, *parts, "this test", True, "0123456789abcdef", multi_label=True
    )

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1)
        return dataset

    monkeypatch.setattr(datasets, "load", load)
    return dataset


def finished(**values: object) -> tracking.Run:
    return tracking.run(paused_runs.finished(small_runs.config(**values)))


def test_a_threshold_is_the_one_of_the_highest_f1_and_nearest_to_a_half():
    truth = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1]], bool)
    probabilities = np.array([[0.3, 0.2, 0.9], [0.2, 0.9, 0.1], [0.1, 0.4, 0.2], [0.1, 0.6, 0.7]])
    found = answers.thresholds(truth, probabilities)
    assert found == pytest.approx((0.15, 0.5, 0.45), abs=0.06)
    assert found[1] == 0.5  # no text has that label
    by_label = answers.of(probabilities, found)
    assert by_label[:, [0, 2]].tolist() == truth[:, [0, 2]].tolist()
    assert answers.right(truth, by_label).tolist() == [True, False, True, False]
    for label, threshold in enumerate(found):
        best = metrics.f1_score(truth[:, label], by_label[:, label], zero_division=0)
        for other in np.linspace(0.01, 0.99, 99):
            said = probabilities[:, label] >= other
            assert metrics.f1_score(truth[:, label], said, zero_division=0) <= best, threshold


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["full", "last-layer", "lp-ft", "scratch"])
def test_every_mode_learns_each_label(mode):
    run = finished(mode=mode, epochs=12, watch="the film is good.")
    look = Diagnostics.of_run(run.run_id)
    assert run.status == "finished" and look is not None
    truth, said = look.truth, look.answers
    assert run.metrics["test_accuracy"] == metrics.accuracy_score(truth, said)
    for average in ("micro", "macro"):
        expected = metrics.f1_score(truth, said, average=average, zero_division=0)
        assert run.metrics[f"{average}_f1"] == pytest.approx(expected)
    assert run.metrics["micro_f1"] > (0.7 if mode == "last-layer" else 0.8)
    assert "balanced_accuracy" not in run.metrics
    checkpoint = checkpoints.find(run.run_id)
    assert len(checkpoint.thresholds) == 3 and checkpoint.thresholds == look.thresholds
    expected = metrics.precision_recall_fscore_support(truth, said, zero_division=0)
    by_class = look.by_class.by_label(look.labels)
    for row, *figures in zip(by_class, *expected, strict=True):
        assert list(row.values())[1:] == pytest.approx(figures)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["tfidf", "linear-probe", "majority"])
def test_references_answer_label_by_label(mode):
    run = finished(mode=mode)
    look = Diagnostics.of_run(run.run_id)
    assert look is not None and len(look.thresholds) == 3
    if mode == "majority":  # half of the texts have each label
        assert (look.answers == look.answers[0]).all()
    else:
        assert run.metrics["micro_f1"] > 0.8
    assert run.metrics["micro_f1"] == look.by_class.micro_f1


@pytest.mark.slow
def test_a_run_paused_anywhere_ends_the_same_bit_for_bit():
    config = small_runs.config(mode="lp-ft", dropout=0.1, watch="good film.")
    run_id, generator = tracking.create_run(config), random.Random(1)
    for _ in range(4):
        assert paused_runs.execute(run_id, pause_after=generator.randrange(3, 15)) == "paused"
    assert paused_runs.execute(run_id) == "finished"
    twin = paused_runs.finished(config)
    paused_runs.assert_same_outcome(twin, run_id)
    assert checkpoints.find(run_id).thresholds == checkpoints.find(twin).thresholds


@pytest.mark.slow
def test_a_prediction_has_every_label_above_its_threshold(capsys):
    run = finished(mode="full", epochs=12)
    thresholds = checkpoints.find(run.run_id).thresholds
    texts = ["the film is good, not bad.", "the film."]
    for answer in prediction.predict(run.run_id, texts):
        above = tuple(
            label
            for label, threshold in zip(LABELS, thresholds, strict=True)
            if answer.probabilities[label] >= threshold
        )
        assert answer.labels == above
        assert answer.label == (", ".join(above) or "no label")
    assert main.main(["predict", "--run", run.run_id, texts[0], "--json"]) == 0
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["labels"] == list(prediction.predict(run.run_id, texts[:1])[0].labels)
    assert line["thresholds"] == dict(zip(LABELS, thresholds, strict=True))
    explained = explanation.explain(run.run_id, texts[0])
    assert explained.probability == pytest.approx(max(line["probabilities"].values()), abs=1e-5)


def model_of_several(*thresholds):
    """A checkpoint of random weights that answers by these thresholds."""
    more = {"thresholds": thresholds, "parent": checkpoints.find("base")}
    return small_runs.checkpoint(paths.checkpoints_dir() / "several", "several", LABELS, **more)


def test_the_label_that_is_explained_is_one_of_those_answered():
    [answer] = prediction.predict(model_of_several(1.0, 1.0, 1.0).ref, ["the film is good"])
    likely = sorted(LABELS, key=lambda label: answer.probabilities[label])
    assert explanation.explain("several", answer.text).label == likely[-1]  # no label is answered
    for answered in (likely[:1], likely[:2]):
        model_of_several(*(0.0 if label in answered else 1.0 for label in LABELS))
        explained = explanation.explain("several", answer.text)
        assert explained.label == answered[-1]
        assert explained.probability == pytest.approx(answer.probabilities[answered[-1]], abs=1e-5)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_of_answers_lists_the_labels_of_each_text(tmp_path, ending):
    file, output = tmp_path / "a.csv", tmp_path / f"out.{ending}"
    file.write_text('text\nthe film is good\n""\nbad\n')
    base = model_of_several(0.5, 0.0, 1.0)
    drain(
        table_prediction.predict(table_prediction.Request(base.ref, str(file), str(output), "text"))
    )
    table = pd.read_parquet(output) if ending == "parquet" else pd.read_csv(output)
    labels = (
        table["labels"].map(json.loads, na_action="ignore") if ending == "csv" else table["labels"]
    )
    assert labels.isna().tolist() == [False, True, False]
    for place, text in ((0, "the film is good"), (2, "bad")):
        [answer] = prediction.predict(base.ref, [text])
        assert tuple(labels[place]) == answer.labels and "blame" in answer.labels
        near = 2 / 5 <= answer.probabilities["praise"] <= 3 / 5  # the others are never close
        assert table["not_sure"][place] == answer.not_sure == near


def test_half_precision_changes_no_answer():
    generator = np.random.default_rng(0)
    probabilities = generator.random((2_000, 3)).astype(np.float32)
    thresholds = (0.5, float(probabilities[7, 1]), 0.1234567)
    look = Diagnostics(LABELS, probabilities > 0.3, probabilities, thresholds=thresholds)
    small = look.answers_only()
    assert small.probabilities.dtype == np.float16
    np.testing.assert_array_equal(small.answers, look.answers)


def test_the_loss_is_binary_cross_entropy_of_each_label():
    scores, labels = torch.randn(5, 3), torch.rand(5, 3) > 0.5
    chances = scores.sigmoid()
    expected = -torch.where(labels, chances, 1 - chances).log().mean()
    assert objective.of_batch(scores, labels, None).item() == pytest.approx(expected.item())
    assert objective.of_part(scores, labels, None).item() == pytest.approx(expected.item())


def side(mode: str, wrong: float, seed: int) -> Side:
    """A run on 400 texts that is wrong about a share of their labels."""
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(9).random((400, 3)) < (0.5, 0.3, 0.05)
    said = truth ^ (generator.random(truth.shape) < wrong)
    look = Diagnostics(LABELS, truth, np.where(said, 0.6, 0.4), thresholds=(0.5, 0.45, 0.6))
    figures = outcome.figures(truth, look.answers, 3)
    known = fake_results.result(mode, measure="macro-f1")
    facts = known.run.facts | {"labels": list(LABELS), "test_texts": 400, "several_labels": True}
    run = replace(known.run, facts=facts, metrics=known.run.metrics | figures)
    return Side(mode, (replace(known, run=run, diagnostics=look),), "macro-f1")


def test_a_comparison_pairs_the_answers_text_by_text():
    good, bad = side("full", 0.05, 1), side("last-layer", 0.3, 2)
    pair = Pair(good, bad)
    for each in (good, bad):
        [answers_of_run] = each.answers
        assert each.correct.mean() == pytest.approx(each.test_accuracy)
        low, high = each.text_interval
        f1 = metrics.f1_score(each.truth, answers_of_run, average="macro")
        assert low < f1 < high and each.score == pytest.approx(f1)
        drawn = np.random.default_rng(3).integers(400, size=400)
        expected = metrics.f1_score(each.truth[drawn], answers_of_run[drawn], average="macro")
        counts = np.bincount(drawn, minlength=400)[None].astype(float)
        [found] = macro_f1.weighted(each.truth, answers_of_run, 3, counts)
        assert found == pytest.approx(expected)
    low, high = pair.text_interval
    assert 0 < low < pair.difference < high


def test_macro_f1_leads_and_no_accuracy_is_spoken_of(several):
    assert best_measure.choose("auto", several)[0] == "macro-f1"
    assert best_measure.choose("accuracy", several) == ("accuracy", [])
    results = [*side("full", 0.05, 1).results, *side("last-layer", 0.3, 2).results]
    assert "Full has the highest macro F1" in verdict.summary(results)
    further = " ".join(verdict.findings(results))
    assert "Texts with exactly the right labels: Full" in further and "By accuracy" not in further
    columns = set(summary.results_table(sides(results))[0])
    assert {"Macro F1", "Micro F1", "Test exact match"} <= columns
    assert not {"Test accuracy", "Balanced accuracy"} & columns
    assert metrics_of(result.run for result in results)["accuracy"] == "Exact match"
    curve = learning_curve_summary.summarize(results)
    assert curve.titles == {"accuracy": "Test exact match", "macro-f1": "Macro F1"}
    assert "Test exact match by training texts" in curve.figures["accuracy"]
    assert (
        "accuracy" not in learning_curve_report.html(results).decode().split("<script")[0].lower()
    )
    by_accuracy = [
        replace(result, run=replace(result.run, facts=result.run.facts | {"best_by": "accuracy"}))
        for result in results
    ]
    assert "Full most often has exactly the right labels" in verdict.summary(by_accuracy)
    assert "exact match" in tradeoff_figure.tradeoff(by_accuracy).layout.yaxis.title.text


def test_a_watched_sentence_is_beside_the_threshold_of_each_side():
    results, plain = [], fake_results.full_result("full")
    for mode, thresholds in (("full", (0.5, 0.45, 0.6)), ("last-layer", (0.5, 0.1, 0.6))):
        [result] = side(mode, 0.05, 1).results
        config = replace(result.run.config, watch="A fine film.")
        look = replace(result.diagnostics, thresholds=thresholds)
        run = replace(result.run, config=config)
        results.append(replace(result, run=run, diagnostics=look))
    drawn = curve_figures.watched_sentence(results, 0, 1).layout.shapes
    assert [line.y0 for line in drawn] == [0.45, 0.1]
    assert drawn[0].line.color != drawn[1].line.color
    unknown = replace(results[0], diagnostics=None)
    assert not curve_figures.watched_sentence([unknown], 0, 1).layout.shapes
    [half] = curve_figures.watched_sentence([plain], 0, 1).layout.shapes
    assert half.y0 == 0.5


def test_a_run_that_waits_is_named_by_the_measures_that_it_will_have(monkeypatch):
    spec = replace(datasets.find_spec("sample"), multi_label=True)
    monkeypatch.setattr(datasets, "find", lambda name: spec)
    waiting = tracking.run(small_runs.run("queued"))
    assert metrics_of([waiting]) == {
        "loss": "Loss",
        "accuracy": "Exact match",
        "macro_f1": "Macro F1",
    }
    by_loss = replace(waiting, config=replace(waiting.config, best_by="loss"))
    assert "macro_f1" not in metrics_of([by_loss])
    begun = replace(waiting, facts={"several_labels": False})
    assert metrics_of([begun])["accuracy"] == "Accuracy"
    app = open_page("train", run=waiting.run_id)
    assert [metric.label for metric in app.metric][:2] == ["Validation, macro F1", "Test, macro F1"]


def test_tables_and_maps_count_labels():
    [result] = side("full", 0.2, 1).results
    look = result.diagnostics
    run = RunPredictions("Full", result)
    fig = answers_figure.answers(look, "Full", "#112233", (1, 2))
    assert fig.layout.yaxis.ticktext == LABELS
    said, truth = look.answers, look.truth
    for cell, name in answers_figure.cells(look).items():
        row, column = map(int, cell.split("-"))
        found = texts_in_cell(run, None, cell)
        has = truth[found, row], said[found, row]
        assert [int(part.all()) for part in has] == [[1, 1], [1, 0], [0, 1]][column], name
        assert str(len(found)) in fig.data[0].text[row][column].replace(",", "")
    named = replace(look, labels=("name " * 12, *LABELS[1:]))
    fig = answers_figure.answers(named, "Full", "#112233", (1, 2))
    assert max(map(len, fig.layout.yaxis.ticktext)) == 24  # room is left for the figures
    wrong = set(np.flatnonzero((truth != said).any(1)))
    assert set(texts_in_cell(run, None, DIFFERENT)) == wrong
    points = replace(look, map_rows=np.arange(50), map_before=np.zeros((50, 2), np.float32))
    points = replace(points, map_after=points.map_before)
    names = {trace.name for trace in diagnostics_figures.text_map(points, ["x"] * 400, "t").data}
    assert {"praise, blame", "no label"} <= names


@pytest.mark.slow
def test_pages_show_every_label(no_hub):
    run = finished(mode="full", epochs=12)
    for page, query in (("train", {"run": run.run_id}), ("data", {"dataset": "sample"})):
        app = open_page(page, **query)
        assert not app.exception, page
    app = open_page("predict", run=run.run_id)
    assert not app.exception
