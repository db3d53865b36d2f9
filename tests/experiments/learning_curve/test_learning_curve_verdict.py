"""What a learning curve says, in sentences."""

from dataclasses import replace

import pytest

from ftcore.experiments.learning_curve import analysis
from tests.helpers.fake_results import learning_curve

SIZES = (50, 100, 200, 400, 800, 1600)


def by_size(*rights):
    return dict(zip(SIZES, rights, strict=False))


RISES = by_size(550, 700, 790, 840, 867, 882)
FLAT = by_size(700, 720, 730, 735, 738, 740)


@pytest.mark.parametrize(
    ("rights", "parts"),
    [
        (
            {"full": RISES, "last-layer": FLAT},
            [
                "Up to about 120 texts Last layer is better and trains 10 times as fast;",
                "from 200 on Full is better, with 1,600 by 14.2 ± 2.2 points;",
                "with twice the labels expect 0.9 points more (0.4 to 1.6).",
            ],
        ),
        (
            {"full": by_size(800, 850, 880), "last-layer": by_size(700, 720, 740)},
            [
                "Full is better than Last layer at every size, by 14.0 ± ",
                "points with 200 texts, and Last layer trains 10 times as fast;",
            ],
        ),
        (
            {"full": by_size(700, 742), "last-layer": by_size(720, 740)},
            [
                "Up to 50 texts Last layer is better; with 100 texts Full and Last layer are too "
                "close to tell apart: 74.2% and 74.0%, and Last layer trains 10 times as fast;"
            ],
        ),
        ({"full": RISES}, ["With 1,600 texts Full reaches 88.2% (86.1% to 90.1%); with twice"]),
        (
            {"full": by_size(800, 801, 800, 801)},
            ["twice the labels would bring next to nothing (", " points at most)."],
        ),
        ({"tfidf": RISES}, ["No network finished"]),
        (
            {"full": by_size(700, 800), "last-layer": by_size(720, 740)},
            ["takes three sizes to tell."],
        ),
        (
            {"full": by_size(400, 500, 600, 650, 660, 980), "last-layer": FLAT},
            ["the forecast failed its check."],
        ),
    ],
)
def test_sentence(rights, parts):
    sentence = analysis.analyse(learning_curve(rights)).sentence
    assert all(part in sentence for part in parts), sentence


def test_findings_name_references_crossings_checks_and_what_is_missing():
    results = learning_curve(
        {"full": RISES, "last-layer": FLAT, "scratch": by_size(500, 510, 600, 700, 780, 860)},
        dataset="imdb",
    )
    tfidf = {"tfidf": by_size(740, 760, 780, 800, 810, 820)}
    results += learning_curve(tfidf, dataset="imdb")
    results[0] = replace(results[0], run=replace(results[0].run, status="failed"))
    further = " ".join(analysis.analyse(results).findings)
    for part in (
        "Last layer and Full cross at about 1",
        "TF-IDF is beaten from 200 texts on: by Full, by 6.2 ± ",
        "Pretraining is worth ",
        "points with 50 and 2.2 ± ",
        "The forecast of Full from up to 800 texts said 8",
        "Full with 50 texts (seed 0) does not count: it is failed.",
    ):
        assert part in further, part
    assert "synthetic" not in further
    assert "synthetic" in analysis.analyse(learning_curve({"full": RISES})).findings[0]


@pytest.mark.parametrize(
    ("tfidf", "sentence"),
    [
        (
            by_size(500, 600, 700, 900),
            "A network beats TF-IDF with 50, 100 and 200 texts, Full by 9.",
        ),
        (by_size(500, 750, 850, 900), "A network beats TF-IDF with 50 texts, Full by 5."),
        (by_size(500, 750, 850, 900), "; TF-IDF is ahead by 6."),
        (by_size(500, 750, 780, 841), "; with 400 no network is surely better."),
        (by_size(600, 750, 850, 900), "No network beats TF-IDF with 400 texts: it is ahead by 6."),
        (by_size(600, 750, 850, 841), "With 400 texts no network is surely better than TF-IDF."),
        (by_size(400, 500, 600, 700), "A network beats TF-IDF at every size: Full by 14."),
    ],
)
def test_it_is_said_where_a_network_beats_tfidf_and_where_not(tfidf, sentence):
    results = learning_curve({"full": by_size(550, 700, 790, 840), "tfidf": tfidf})
    [worth] = analysis.analyse(results).worth
    assert sentence in worth


def test_a_number_that_is_all_of_the_texts_is_not_measured_twice():
    results = learning_curve({"full": by_size(550, 700)}, [0])
    renamed = replace(results[1].run, config=replace(results[1].run.config, limit=9_999))
    curves = analysis.analyse([*results, replace(results[1], run=renamed)]).curves
    assert [(curve.label, curve.sizes) for curve in curves] == [("Full", [50, 100])]


def test_points_are_runs_and_curves_are_means_with_intervals():
    results = learning_curve({"full": RISES, "last-layer": FLAT})
    points = analysis.points(results)
    assert len(points) == 36
    assert points[0]["mode"] == "full" and points[0]["size"] == 50 and points[0]["seed"] == 0
    assert points[0]["test_accuracy"] == pytest.approx(0.549)
    assert 0.5 < points[0]["macro_f1"] < 0.6
    found = analysis.analyse(results)
    values = analysis.curve_values(found.curves[0], found)
    first = values["points"][0]
    assert first["low"] < first["test_accuracy"] < first["high"] and first["seeds"] == [0, 1, 2]
    assert values["forecast"]["size"] == 3200 and values["forecast"]["passed_check"] is True
