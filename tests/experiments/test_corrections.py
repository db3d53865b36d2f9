"""What changed labels bought, on made-up results of two versions of stored data."""

from dataclasses import replace

import numpy as np
import pytest

from ftcore.data.store import addresses, correcting, versions
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError, UsageError
from ftcore.experiments import corrections, grouping, plan, verdict
from tests.helpers import own_data
from tests.helpers.fake_results import TEXTS, result


@pytest.fixture
def card(tmp_path):
    """Stored data whose version 3 has two corrections, one of them of a test text, and a dropped text."""
    card = own_data.add_reviews(tmp_path, 60)
    places = [addresses.find(card, row) for row in range(100)]
    train = [each for each in places if each.part == "train"]
    test = [each for each in places if each.part == "test"]
    for address in (train[0], test[0]):
        before = corrections.labelling.originals(card).state(address.text).label
        other = next(label for label in card.labels if (label,) != before)
        correcting.correct(card, address, [other], "Ann")
    correcting.correct(card, train[1], None, "Ann")
    return versions.get("mine")


def two_versions(before, after, truth=None, mode="last-layer", seeds=(0, 1)):
    """Results of both versions with so many right; `truth`: the labels of the later one."""
    order = np.random.default_rng(0).permutation(TEXTS)
    results = []
    for seed in seeds:
        for name, right in (("mine@0", before), ("mine@3", after)):
            made = result(mode, order < right + seed, seed, dataset=name)
            if truth is not None and name == "mine@3":
                made = replace(made, diagnostics=replace(made.diagnostics, truth=truth))
            results.append(made)
    return results


@pytest.fixture(autouse=True)
def no_texts(monkeypatch):
    """The test texts of made-up results are not on the disk."""

    def load(fingerprint):
        raise UnfreezeError("gone")

    monkeypatch.setattr(dataset_texts, "load", load)


def test_a_gain_is_said_with_its_interval_and_the_changes(card):
    results = two_versions(800, 840)
    assert verdict.summary(results) == (
        "The 2 corrections and 1 dropped text bought 4.0 ± 1.2 points: 80.0% → 84.0% right on 1,000 test "
        "texts."
    )
    where, *_ = [line for line in verdict.findings(results) if line.startswith("Changed")]
    assert where.startswith("Changed are 2 training and 1 test texts.") and "batches" in where


def test_no_gain_and_a_loss_are_said(card):
    assert "bought nothing that 1,000 test texts and 2 seeds can tell: 0.1 ± 0.1 points more" in (
        verdict.summary(two_versions(800, 801))
    )
    assert "text cost 5.0 ± " in verdict.summary(two_versions(850, 800))


def test_changed_test_labels_are_reported_apart(card):
    truth = np.arange(TEXTS) % 2
    truth[:30] = 1 - truth[:30]
    results = two_versions(800, 840, truth)
    [gain] = corrections.gains(results)
    assert gain.changed_texts == 30
    [values] = corrections.values(results)
    assert values["as_they_were"]["difference"] == pytest.approx(0.04)
    assert values["as_they_were"]["before"] == pytest.approx(0.8005)
    corrected = values["corrected"]
    assert corrected["after"] != pytest.approx(values["as_they_were"]["after"])
    assert "by their labels as they were" in verdict.summary(results)
    assert any(
        line.startswith("By the changed labels of 30 test texts:")
        for line in verdict.findings(results)
    )


def test_a_text_that_only_one_version_has_is_left_out(card, monkeypatch):
    texts = {"before": [f"text {row}" for row in range(TEXTS)]}
    texts["after"] = texts["before"][1:]
    monkeypatch.setattr(dataset_texts, "load", texts.__getitem__)
    results = []
    for each in two_versions(900, 950, seeds=(0,)):
        name = "after" if each.run.config.dataset == "mine@3" else "before"
        look = each.diagnostics
        if name == "after":
            look = replace(look, truth=look.truth[1:], probabilities=look.probabilities[1:])
        run = replace(each.run, facts=each.run.facts | {"dataset_fingerprint": name})
        results.append(replace(each, run=run, diagnostics=look))
    [gain] = corrections.gains(results)
    assert gain.as_they_were.first.test_texts == TEXTS - 1
    assert gain.as_they_were.paired_correct is not None


def test_versions_are_planned_alike_and_differ_in_nothing_unfair(card):
    settings = {"dataset": "mine", "checkpoint": "starter"}
    configs = plan.plan_versions(settings, [3, 0], ["last-layer"], [0, 1])
    assert [(each.mode, each.dataset, each.seed) for each in configs] == [
        *((("last-layer"), f"mine@{version}", seed) for seed in (0, 1) for version in (0, 3)),
        *(
            (mode, f"mine@{version}", 0)
            for version in (0, 3)
            for mode in ("tfidf", "linear-probe", "majority")
        ),
    ]
    assert len({replace(each, dataset="", name="", seed=0) for each in configs[:4]}) == 1
    runs = [each.run for each in two_versions(800, 840)]
    assert not grouping.unfair_differences(runs)
    assert grouping.side_labels([runs[0], runs[1]]) == [
        "Last layer (version 0)",
        "Last layer (version 3)",
    ]


@pytest.mark.parametrize(
    ("settings", "numbers", "message"),
    [
        ({"dataset": "sample"}, [0, 1], "built in and has one version"),
        ({"dataset": "mine"}, [1, 1], "Two versions are compared"),
        ({"dataset": "mine"}, [0, 4], "no version 4"),
    ],
)
def test_versions_that_are_not_there_are_refused(card, settings, numbers, message):
    with pytest.raises(UsageError, match=message):
        plan.plan_versions(settings, numbers, ["last-layer"], [0])
