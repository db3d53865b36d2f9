"""The sentences of the verdict."""

from dataclasses import replace

import numpy as np
import pytest

from ftcore.experiments import verdict
from tests.helpers.fake_results import TEXTS, result


def noisy(right: int, seed: int) -> np.ndarray:
    """`right` of the test texts, in random places."""
    return np.random.default_rng(seed).permutation(np.arange(TEXTS) < right)


FULL, GRADUAL = result("full", noisy(931, 1)), result("gradual", noisy(925, 2), seconds=12)
LAST_LAYER = result("last-layer", noisy(660, 3), seconds=3)
ONE_SIDED = [result("full", 931, seconds=19), result("last-layer", 660, seconds=3)]
CONTROL_WINS = [
    result("full", noisy(931, 1), seconds=11),
    result("last-layer", noisy(613, 3), seconds=2),
    result("scratch", noisy(980, 2), seconds=12),
]
SUMMARIES = [
    ([result(status="failed")], "nothing to compare"),
    (
        ONE_SIDED,
        "Full is the most accurate: 93.1% of 1,000 synthetic test texts, 27.1 ± 2.8 points more "
        "than Last layer. Last layer trained 6.3 times as fast as Full (3 s against 19 s).",
    ),
    (
        [result("full", 900), result("tfidf", 800)],
        "Full has 90.0% of 1,000 synthetic test texts right (95% interval 88.0% to 91.7%).",
    ),
    ([result("full", dataset="imdb")], "Full has 90.0% of 1,000 test texts right"),
    (
        [FULL, GRADUAL, LAST_LAYER],
        "Full and Gradual are the most accurate, 93.1% and 92.5%: too close to tell apart",
    ),
    ([FULL, GRADUAL, LAST_LAYER], "6.7 times as fast as Full (3 s against 20 s), for 27"),
    ([FULL, GRADUAL], "are too close to tell apart on 1,000 synthetic texts: 93.1% and"),
    ([FULL, GRADUAL], "Gradual trained 1.7 times as fast as Full (12 s against 20 s)."),
    (
        CONTROL_WINS,
        "From scratch is the most accurate: 98.0% of 1,000 synthetic test texts, 4.9 ± 1.8 points "
        "more than Full, so pretraining did not help here. Last layer trained 5.5 times as fast "
        "as Full (2 s against 11 s), for 31.8 ± 3.5 points less.",
    ),
]


@pytest.mark.parametrize(("results", "part"), SUMMARIES)
def test_summary(results, part):
    assert part in verdict.summary(results)


@pytest.mark.parametrize(
    ("full", "last_layer", "sentence"),
    [
        (5, 20, "It trained fastest, too: 4.0 times as fast as Last layer (5 s against 20 s)."),
        (20, 19, "Last layer and Full trained about as fast."),
        (3000, 2, "Last layer trained 1,500 times as fast as Full (2 s against 50 min)."),
    ],
)
def test_speed(full, last_layer, sentence):
    results = [result("full", 931, seconds=full), result("last-layer", 660, seconds=last_layer)]
    assert sentence in verdict.summary(results)


NINETY = result("full", noisy(900, 2))


TFIDF = "TF-IDF with logistic regression"
REACHES = "from scratch the same training reaches"
FITTED_FIRST = "Fitting the last layer first"
FINDINGS = [
    ({"scratch": 700, "gradual": 990}, f"Pretraining helped: {REACHES} 70.0%"),
    ({"scratch": 901}, "Whether pretraining helped cannot be told: from scratch"),
    ({"scratch": 930, "gradual": 990}, f"Pretraining did harm here: {REACHES} 93.0%"),
    ({"gradual": 990, "lp-ft": 940}, f"{FITTED_FIRST} helped: LP-FT has 94.0%, 4.0"),
    (
        {"gradual": 990, "lp-ft": 901},
        "Whether fitting the last layer first helped cannot be told: LP-FT has 90.1%",
    ),
    ({"gradual": 990, "lp-ft": 850}, f"{FITTED_FIRST} did harm here: LP-FT has 85.0%, 5.0"),
    ({"tfidf": 800}, f"Full beats {TFIDF} (80.0%, fitted in 2 s) by 10"),
    ({"tfidf": 905}, f"{TFIDF} is too close to Full to tell apart: 90.5%"),
    ({"tfidf": 960}, f"No network beats {TFIDF}: 96.0%, fitted in 2 s"),
    (
        {"last-layer": 660, "linear-probe": 672},
        "The best that any last layer can do on the frozen body is 67.2%; this one has 66.0%.",
    ),
    (
        {"last-layer": 510, "majority": 500},
        "Last layer is no better than always naming the most frequent class (50.0%).",
    ),
]


@pytest.mark.parametrize(("others", "start"), FINDINGS)
def test_first_finding(others, start):
    results = [
        result(mode, noisy(right, seed), seconds=2)
        for seed, (mode, right) in zip((1, 3), others.items(), strict=False)
    ]
    assert verdict.findings([NINETY, *results])[0].startswith(start)


def test_findings_do_not_repeat_the_summary():
    results = [NINETY, result("scratch", noisy(980, 1))]
    assert "did not help" in verdict.summary(results)
    assert "retraining" not in " ".join(verdict.findings(results))


def test_a_single_text_is_named_as_one():
    right = np.arange(TEXTS) < 900
    other = right.copy()
    other[899:903] = [False, True, True, True]
    found = verdict.findings([result("full", right), result("last-layer", other)])
    assert any("Full alone is right on 1 text and Last layer alone on 3" in each for each in found)


def test_further_findings():
    stopped = result("gradual", status="stopped")
    results = [result("full"), result("last-layer", 660, curve=(0.5, 0.6, 0.66)), stopped]
    assert verdict.findings(results) == [
        "Validation first passed 88% after 20 s in Full; Last layer never did.",
        "Full alone is right on 240 texts and Last layer alone on 0: hardly chance (McNemar's test, "
        "p < 0.001).",
        "One seed each: another may shift every figure by a point or so.",
        "Gradual (seed 0) does not count: it is stopped.",
    ]
    seeds = [result(mode, 900 + 10 * n, n) for mode in ("full", "last-layer") for n in (0, 1)]
    ranges = "From seed to seed: Full 90.0% to 91.0% and Last layer 90.0% to 91.0%."
    assert ranges in verdict.findings(seeds)


def test_a_split_that_is_too_small_is_said_and_no_time_to_an_accuracy_is_told():
    results = [result("full"), result("majority")]
    assert any("Validation first passed" in sentence for sentence in verdict.findings(results))
    results[0].run.facts.update(val_texts=1, train_classes=1)
    findings = verdict.findings(results)
    assert findings[0] == "The training texts are of one class, so nothing else was learned."
    assert findings[1] == "Validation has only 1 text, so its accuracy says little."
    assert not any("first passed" in sentence for sentence in findings)


def test_where_the_best_models_were_kept_by_macro_f1_the_verdict_goes_by_it():
    """A model that never answers the rare class, and one that does for the price of some accuracy."""
    truth = np.arange(TEXTS) < 950
    results = []
    for mode, right in (("full", np.arange(TEXTS) < 950), ("gradual", rare_found())):
        made = result(mode, right, measure="macro-f1", seconds=10)
        answers = np.eye(2, dtype=np.float32)[np.where(right, truth, ~truth).astype(int)]
        look = replace(made.diagnostics, truth=truth.astype(int), probabilities=answers)
        results.append(replace(made, diagnostics=look))
    f1 = [each.macro_f1 for each in results]
    assert f1[0] < 0.5 < f1[1]
    points = f"{100 * (f1[1] - f1[0]):.1f} \u00b1 "
    start = f"Gradual has the highest macro F1: {f1[1]:.1%} on 1,000 synthetic test texts, {points}"
    assert verdict.summary(results).startswith(start)
    findings = verdict.findings(results)
    accuracies = "By accuracy, in which the large classes count most: Gradual 92.0% and Full 95.0%."
    assert findings[0] == accuracies
    assert any(line.startswith("Validation's macro F1 first passed 80%") for line in findings)
    assert verdict.summary(results[:1]).startswith("Full has a macro F1 of 48.7% on 1,000")
    mixed = [results[0], result("gradual", 800)]
    assert "is the most accurate: 95.0%" in verdict.summary(mixed)


def rare_found() -> np.ndarray:
    """40 of the 50 last texts right, for 70 of the first ones."""
    right = np.ones(TEXTS, bool)
    right[:70] = right[990:] = False
    return right
