"""What is said of a comparison, and the figures behind it."""

import math

import numpy as np
import pytest
from scipy import stats

from ftcore.experiments import grouping, statistics, verdict
from ftcore.experiments.comparison import Pair, sides
from tests.helpers.fake_results import TEXTS, result


def pair(*results: object) -> Pair:
    one, two = sides(results)  # type: ignore[arg-type]
    return Pair(one, two)


@pytest.mark.parametrize(("share", "count"), [(0.931, 1000), (0.5, 10), (1.0, 40), (0.0, 7)])
def test_wilson_is_scipys(share: float, count: int) -> None:
    known = stats.binomtest(round(share * count), count).proportion_ci(method="wilson")
    assert statistics.wilson(share, count) == pytest.approx((known.low, known.high), abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 5, 10, 11, 20, 60])
def test_students_interval_is_scipys(count: int) -> None:
    values = np.random.default_rng(count).normal(0.9, 0.01, count)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    low, high = statistics.student(list(values))  # type: ignore[misc]
    assert low == pytest.approx(known.low, abs=2e-5) and high == pytest.approx(known.high, abs=2e-5)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (12, 3), (5, 5), (1200, 1300)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    known = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert statistics.mcnemar(first, second) == pytest.approx(known, rel=1e-9)


def test_a_95_percent_interval_covers_19_of_20_times() -> None:
    """Two models of 80% and 76% that often fail on the same texts."""
    draw = np.random.default_rng(0)
    hits = {"paired": 0, "unpaired": 0}
    for _ in range(400):
        hard = draw.random(TEXTS) < 0.15
        one, two = (~hard & (draw.random(TEXTS) < share) for share in (0.80 / 0.85, 0.76 / 0.85))
        low, high = statistics.paired(one * 1.0 - two)
        hits["paired"] += low <= 0.04 <= high
        ends = [statistics.wilson(each.mean(), TEXTS) for each in (one, two)]
        wide = statistics.unpaired(one.mean(), ends[0], two.mean(), ends[1])
        hits["unpaired"] += wide[0] <= 0.04 <= wide[1]
    assert 0.92 < hits["paired"] / 400 < 0.98
    assert hits["unpaired"] >= hits["paired"]  # it does not know that they fail alike


def test_runs_that_differ_in_the_seed_alone_are_one_side() -> None:
    found = sides(
        [result("scratch", 700), result("full", 920, seed=1), result("full", 900), result("tfidf")]
    )
    assert [(side.label, len(side.results)) for side in found] == [
        ("Full", 2),
        ("From scratch", 1),
        ("TF-IDF", 1),
    ]
    assert found[0].test_accuracy == pytest.approx(0.91)
    low, high = found[0].seed_interval or (0, 0)
    assert low < 0.9 < 0.92 < high and found[1].seed_interval is None


def test_a_mode_with_other_settings_is_another_side_and_is_called_by_them() -> None:
    found = sides([result(epochs=2), result(epochs=8), result("gradual"), result("gradual")])
    names = [side.label for side in found]
    assert names[:2] == ["Full (epochs 2)", "Full (epochs 8)"]
    assert names[2:] == ["Gradual (gradual 0)", "Gradual (gradual 0)"]  # the same thing twice


def test_runs_that_did_not_end_do_not_count() -> None:
    results = [result("full", 900), result("gradual", status="stopped"), result("last-layer", 660)]
    assert [side.label for side in sides(results)] == ["Full", "Last layer"]
    assert "Gradual (seed 0) does not count: it is stopped." in verdict.findings(results)
    assert "nothing to compare" in verdict.summary([result(status="failed")])
    assert verdict.findings([result(status="failed")])


def test_text_vectors_count_also_where_an_earlier_run_made_them() -> None:
    made = result(
        "last-layer", 660, seconds=10, metrics={"features_seconds": 8, "features_kept": 0}
    )
    kept = result("last-layer", 660, seconds=2, metrics={"features_seconds": 8, "features_kept": 1})
    assert made.train_seconds == kept.train_seconds == 10
    assert kept.on_fair_clock().history["seconds"].min() == 8
    assert kept.on_fair_clock().watched["seconds"].min() == 8
    assert made.on_fair_clock() is made
    assert sides([kept])[0].seconds_to(0.8) == pytest.approx(8 + 2 / 3)


def test_a_level_is_passed_when_every_seed_passed_it() -> None:
    high, low = (0.5, 0.82, 0.9), (0.5, 0.79, 0.86)
    side = sides([result(seconds=10, curve=high), result(seconds=10, curve=low, seed=1)])[0]
    assert side.seconds_to(0.80) == pytest.approx((5 + 10) / 2)
    assert side.seconds_to(0.85) == 10 and side.seconds_to(0.88) is None


def test_pairing_knows_that_both_failed_on_the_same_texts() -> None:
    right = np.arange(TEXTS) < 900
    slightly = right & ~(np.arange(TEXTS) < 20)  # wrong on 20 more, right on none more
    alike = pair(result("full", right), result("last-layer", slightly))
    blind = pair(result("full", right), result("last-layer", slightly, kept=False))
    assert alike.difference == blind.difference == pytest.approx(0.02)
    assert alike.significant and not blind.significant and alike.margin < blind.margin / 3
    assert alike.discordant == {0: (20, 0)} and blind.discordant == {} and blind.p_values == {}
    assert alike.p_values[0] == pytest.approx(2**-19)


def test_answers_to_other_texts_are_not_paired() -> None:
    fewer = pair(result("full", 900), result("last-layer", np.arange(500) < 450))
    assert fewer.paired_correct is None and math.isfinite(fewer.margin)


def test_seeds_that_disagree_are_no_clear_difference() -> None:
    full = [result("full", right, seed) for seed, right in enumerate((900, 960, 930))]
    last = [result("last-layer", right, seed) for seed, right in enumerate((925, 885, 920))]
    found = pair(*full, *last)
    low, high = found.text_interval
    assert low > 0 and high > 0
    assert found.seed_interval is not None and found.seed_interval[0] < 0 and not found.significant
    assert found.interval == found.seed_interval and "too close" in verdict.summary([*full, *last])
    assert list(found.discordant) == [0, 1, 2]
    assert "3 seeds" in verdict.summary([*full, *last])


def test_the_verdict_names_the_winner_the_margin_and_the_price_of_speed() -> None:
    said = verdict.summary([result("full", 931, seconds=19), result("last-layer", 660, seconds=3)])
    assert said == (
        "Full is the most accurate: 93.1% of 1,000 synthetic test texts, 27.1 ± 2.8 points more than "
        "Last layer. Last layer trained 6.3 times as fast as Full (3 s against 19 s)."
    )


def test_real_texts_are_not_called_synthetic() -> None:
    said = verdict.summary([result("full", 900, dataset="imdb")])
    assert said.startswith("Full has 90.0% of 1,000 test texts right")


def noisy(right: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.arange(TEXTS) < right)


def test_what_is_too_close_is_called_so() -> None:
    three = [
        result("full", noisy(931, 1), seconds=19),
        result("gradual", noisy(925, 2), seconds=12),
        result("last-layer", noisy(660, 3), seconds=3),
    ]
    said = verdict.summary(three)
    assert said.startswith(
        "Full and Gradual are the most accurate, 93.1% and 92.5%: too close to tell apart on 1,000"
    )
    assert "Last layer trained 6.3 times as fast as Full (3 s against 19 s), for 27" in said
    two = verdict.summary(three[:2])
    assert two.startswith(
        "Full and Gradual are too close to tell apart on 1,000 synthetic texts: 93.1% and"
    )
    assert two.endswith("Gradual trained 1.6 times as fast as Full (12 s against 19 s).")


def test_a_control_that_wins_is_told_and_speed_is_told_of_what_is_offered() -> None:
    said = verdict.summary(
        [
            result("full", noisy(931, 1), seconds=11),
            result("last-layer", noisy(613, 3), seconds=2),
            result("scratch", noisy(980, 2), seconds=12),
        ]
    )
    assert said.startswith(
        "From scratch is the most accurate: 98.0% of 1,000 synthetic test texts, 4.9 ± 1.8"
    )
    assert "points more than Full, so pretraining did not help here. Last layer trained 5.5" in said
    assert said.endswith("times as fast as Full (2 s against 11 s), for 31.8 ± 3.5 points less.")


@pytest.mark.parametrize(
    ("seconds", "ending"),
    [
        ((5, 20), "It trained fastest, too: 4.0 times as fast as Last layer (5 s against 20 s)."),
        ((20, 19), "Last layer and Full trained about as fast."),
        ((3000, 2), "Last layer trained 1,500 times as fast as Full (2 s against 50 min)."),
    ],
)
def test_speed_is_told_as_it_is(seconds: tuple[float, float], ending: str) -> None:
    full, last = seconds
    said = verdict.summary(
        [result("full", 931, seconds=full), result("last-layer", 660, seconds=last)]
    )
    assert ending in said


def test_a_single_network_gets_its_figure_alone() -> None:
    said = verdict.summary([result("full", 900), result("tfidf", 800)])
    assert (
        said == "Full has 90.0% of 1,000 synthetic test texts right (95% interval 88.0% to 91.7%)."
    )


@pytest.mark.parametrize(
    ("scratch", "said"),
    [
        (noisy(700, 1), "Pretraining helped: from scratch the same training reaches 70.0%"),
        (noisy(895, 1), "Whether pretraining helped cannot be told: from scratch"),
        (noisy(930, 1), "Pretraining did harm here: from scratch the same training reaches 93.0%"),
    ],
)
def test_what_pretraining_is_worth(scratch: np.ndarray, said: str) -> None:
    results = [result("full", noisy(900, 2)), result("scratch", scratch)]
    assert verdict.findings([*results, result("gradual", noisy(990, 3))])[0].startswith(said)


def test_what_the_verdict_says_is_not_said_again() -> None:
    results = [result("full", noisy(900, 2)), result("scratch", noisy(980, 1))]
    assert "did not help" in verdict.summary(results)
    assert not [one for one in verdict.findings(results) if "retraining" in one]
    close = [result("full", noisy(900, 2)), result("scratch", noisy(901, 1))]
    assert verdict.findings(close)[0].startswith("Whether pretraining helped cannot be told")


@pytest.mark.parametrize(
    ("tfidf", "said"),
    [
        (
            noisy(800, 1),
            "Full beats TF-IDF with logistic regression (80.0%, fitted in 2 s) by 10",
        ),
        (
            noisy(905, 1),
            "TF-IDF with logistic regression is too close to Full to tell apart: 90.5%",
        ),
        (noisy(960, 1), "No network beats TF-IDF with logistic regression: 96.0%, fitted in 2 s"),
    ],
)
def test_whether_anything_beats_tfidf(tfidf: np.ndarray, said: str) -> None:
    found = verdict.findings([result("full", noisy(900, 2)), result("tfidf", tfidf, seconds=2)])
    assert found[0].startswith(said)


def test_what_a_last_layer_could_reach_is_told() -> None:
    found = verdict.findings(
        [result("last-layer", 660), result("full"), result("linear-probe", 672)]
    )
    assert found[0] == (
        "The best that any last layer can do on the frozen body is 67.2%; this one has 66.0%."
    )


def test_a_network_that_learned_nothing_is_named() -> None:
    results = [result("full", 900), result("last-layer", 510), result("majority", noisy(500, 1))]
    (said,) = [one for one in verdict.findings(results) if "most frequent class" in one]
    assert said.startswith("Last layer is no better than") and "50.0%" in said


def test_the_rest_is_told_once_each() -> None:
    results = [result("full", 900), result("last-layer", 660, curve=(0.5, 0.6, 0.66))]
    found = verdict.findings(results)
    assert found == [
        "Validation first passed 88% after 20 s in Full; Last layer never did.",
        "Full alone is right on 240 texts and Last layer alone on 0: hardly chance (McNemar's test, "
        "p < 0.001).",
        "One seed each: another may shift every figure by a point or so.",
    ]
    several = [
        result(mode, right, seed)
        for mode in ("full", "last-layer")
        for seed, right in enumerate((900, 910))
    ]
    assert "From seed to seed: Full 90.0% to 91.0% and Last layer 90.0% to 91.0%." in (
        verdict.findings(several)
    )


def test_what_makes_a_comparison_unfair_is_told() -> None:
    def told(*results: object) -> dict[str, list[str]]:
        return grouping.unfair_differences([one.run for one in results])  # type: ignore[attr-defined]

    pair = [result("full"), result("last-layer"), result("tfidf")]
    assert told(*pair) == {}
    assert told(*pair, result("full", seed=1), result("last-layer", seed=1)) == {}
    assert told(*pair, result("full", seed=1)) == {"seed": ["0, 1", "0"]}
    assert told(result(limit=2000), result("gradual")) == {"training texts": ["2,000", "all"]}
    assert told(result(), result("gradual", checkpoint="mine")) == {
        "checkpoint": ["starter", "mine"]
    }
    assert "data" in told(result(dataset="imdb"), result("gradual"))
    assert told(result(), result("gradual", split="other")) == {"split": ["other", "split-0-0"]}
