"""Sides, pairs and what makes a comparison unfair."""

from dataclasses import replace

import numpy as np
import pytest

from ftcore.experiments import grouping, verdict
from ftcore.experiments.comparison import Pair, average, sides
from ftcore.experiments.result import Result
from tests.helpers.fake_results import TEXTS, result


def pair(*results: Result) -> Pair:
    return Pair(*sides(results))


def test_runs_that_differ_in_the_seed_alone_are_one_side():
    full = [result("full", 920, seed=1), result("full", 900)]
    full_side, scratch, tfidf = sides([result("scratch", 700), *full, result("tfidf")])
    labels = (full_side.label, scratch.label, tfidf.label)
    assert labels == ("Full", "From scratch", "TF-IDF")
    assert len(full_side.results) == 2 and full_side.test_accuracy == pytest.approx(0.91)
    low, high = full_side.seed_interval or (0, 0)
    assert low < 0.9 < 0.92 < high and scratch.seed_interval is None


def test_sides_of_one_mode_are_named_by_their_settings():
    found = sides([result(epochs=2), result(epochs=8), result("gradual"), result("gradual")])
    names = [side.label for side in found]
    assert names[:2] == ["Full (epochs 2)", "Full (epochs 8)"]
    assert names[2:] == ["Gradual (gradual 0)", "Gradual (gradual 0)"]  # the same thing twice


def test_text_vectors_of_an_earlier_run_count_as_training_time():
    metrics = {"features_seconds": 8, "features_kept": 1}
    fresh = result("last-layer", 660, seconds=10, metrics=metrics | {"features_kept": 0})
    reused = result("last-layer", 660, seconds=2, metrics=metrics)
    assert fresh.train_seconds == reused.train_seconds == 10
    on_clock = reused.on_fair_clock()
    assert on_clock.history["seconds"].min() == on_clock.watched["seconds"].min() == 8
    assert fresh.on_fair_clock() is fresh
    assert sides([reused])[0].seconds_to(0.8) == pytest.approx(8 + 2 / 3)


def test_an_accuracy_is_reached_when_every_seed_reached_it():
    high, low = (0.5, 0.82, 0.9), (0.5, 0.79, 0.86)
    [side] = sides([result(seconds=10, curve=high), result(seconds=10, curve=low, seed=1)])
    assert side.seconds_to(0.80) == pytest.approx((5 + 10) / 2)
    assert side.seconds_to(0.85) == 10 and side.seconds_to(0.88) is None


def test_pairing_takes_account_of_texts_on_which_both_fail():
    right = np.arange(TEXTS) < 900
    slightly = right & ~(np.arange(TEXTS) < 20)  # wrong on 20 more, right on none more
    paired = pair(result("full", right), result("last-layer", slightly))
    unpaired = pair(result("full", right), result("last-layer", slightly, kept=False))
    assert paired.difference == unpaired.difference == pytest.approx(0.02)
    assert paired.significant and not unpaired.significant and paired.margin < unpaired.margin / 3
    assert paired.discordant == {0: (20, 0)} and unpaired.discordant == unpaired.p_values == {}
    assert paired.p_values[0] == pytest.approx(2**-19)
    other_texts = result("last-layer", np.arange(500) < 450)
    assert pair(result("full", 900), other_texts).paired_correct is None


def test_seeds_that_disagree_are_no_clear_difference():
    full = [result("full", right, seed) for seed, right in enumerate((900, 960, 930))]
    last = [result("last-layer", right, seed) for seed, right in enumerate((925, 885, 920))]
    found = pair(*full, *last)
    assert min(found.text_interval) > 0 and not found.significant
    assert found.seed_interval is not None and found.seed_interval[0] < 0
    assert found.interval == found.seed_interval and list(found.discordant) == [0, 1, 2]
    summary = verdict.summary([*full, *last])
    assert "too close" in summary and "3 seeds" in summary


NETWORKS = [result("full"), result("last-layer"), result("tfidf")]


THREADS = {"threads": ["2", "1, then 2"]}
PARENT, OTHER_PARENT = {"parent_fingerprint": "p"}, {"parent_fingerprint": "q"}
CHECKPOINT = {"checkpoint": ["starter", "mine"]}
TOKENIZER = {"tokenizer": ["words", "plain"]}
OTHER_TEXTS = {"texts of the data": ["d", "e"]}


def with_facts(checkpoint="starter", **facts):
    made = result("gradual", checkpoint=checkpoint)
    return replace(made, run=replace(made.run, facts=made.run.facts | facts))


def on_ray():
    return replace(with_facts(), run=replace(with_facts().run, worker="ray"))


CPU, GPU = {"device": "cpu", "hardware": "A"}, {"device": "cuda", "hardware": "B"}


@pytest.mark.parametrize(
    ("results", "differences"),
    [
        (NETWORKS, {}),
        ([*NETWORKS, result("full", seed=1), result("last-layer", seed=1)], {}),
        ([*NETWORKS, result("full", seed=1)], {"seed": ["0, 1", "0"]}),
        ([result(limit=2000), result("gradual")], {"training texts": ["2,000", "all"]}),
        ([result(), result("gradual", checkpoint="mine")], {"checkpoint": ["starter", "mine"]}),
        ([result(dataset="imdb"), result("gradual")], {"data": ["imdb", "sample"]}),
        ([result(), result("gradual", split="other")], {"split": ["other", "split-0-0"]}),
        ([result(), with_facts(threads="2"), with_facts(threads="1, then 2")], THREADS),
        ([with_facts(hardware="A"), with_facts(hardware="B")], {"hardware": ["A", "B"]}),
        ([with_facts(**CPU), with_facts(**GPU)], {"device": ["cpu", "cuda"]}),
        ([with_facts(), on_ray()], {"worker": ["local", "ray"]}),
        ([result(), result(devices=2)], {"devices": ["1", "2"]}),
        (
            [with_facts(**PARENT), with_facts(**OTHER_PARENT)],
            {"weights of the checkpoint": ["p", "q"]},
        ),
        ([with_facts(**PARENT), with_facts(**OTHER_PARENT, checkpoint="mine")], CHECKPOINT),
        ([with_facts(tokenizer="words"), with_facts(tokenizer="plain")], TOKENIZER),
        ([with_facts(dataset_fingerprint="d"), with_facts(dataset_fingerprint="e")], OTHER_TEXTS),
    ],
)
def test_unfair_differences(results, differences):
    assert grouping.unfair_differences([result.run for result in results]) == differences


def test_runs_with_other_tokenizers_are_no_fair_race():
    """A record of before the second tokenizer does not name its own, which was the first one."""
    runs = [result("full").run, result("tfidf").run, result("majority").run]
    named = [replace(run, facts=run.facts | {"tokenizer": "basic_english"}) for run in runs[:2]]
    assert grouping.unfair_differences([*runs, *named]) == {}
    newer = replace(runs[1], facts=runs[1].facts | {"tokenizer": "basic_english-2"})
    differences = {"tokenizer": ["basic_english", "basic_english-2"]}
    assert grouping.unfair_differences([runs[0], newer]) == differences
    encoder = replace(runs[0], facts=runs[0].facts | {"tokenizer": "WordPiece 12"})
    assert grouping.unfair_differences([encoder, newer, runs[2]]) == {}  # TF-IDF reads words
    other = replace(encoder, facts=encoder.facts | {"tokenizer": "WordPiece 34"})
    assert "tokenizer" in grouping.unfair_differences([encoder, other, newer])


def test_the_average_of_the_best_network_and_tfidf_is_that_of_their_probabilities():
    truth = np.zeros(200, int)
    unsure_wrong = np.repeat([[0.45, 0.55]], 200, axis=0)
    half_sure_right = np.where(np.arange(200)[:, None] < 150, [[0.9, 0.1]], [[0.48, 0.52]])
    network, tfidf = (
        replace(made, diagnostics=replace(made.diagnostics, truth=truth, probabilities=answers))
        for made, answers in (
            (result("full", np.zeros(200, bool)), unsure_wrong),
            (result("tfidf", np.arange(200) < 150), half_sure_right),
        )
    )
    side = average(sides([network, tfidf]))
    assert side.test_accuracy == 0.75
    assert side.is_reference
    sentence = "Averaged with TF-IDF, Full reaches 75.0%, 75.0 ± 6.0 points more than alone."
    assert sentence in verdict.findings([network, tfidf])
    other_texts = replace(tfidf, diagnostics=replace(tfidf.diagnostics, truth=np.ones(200, int)))
    assert average(sides([network, other_texts])) is None
