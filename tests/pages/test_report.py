"""The report and the CSV: complete, by themselves, and nothing in them runs that a user wrote."""

import csv
import io
import json
import re
from dataclasses import replace
from html import escape

import pytest

from ftcore.diagnostics import insights
from ftcore.experiments import verdict
from pages.components.compare import report
from tests.helpers import fake_experiments

BAD = '</script><script>alert("x")</script><img src=https://example.com/x>'


@pytest.fixture(autouse=True)
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "texts", lambda fingerprint: [BAD] * 400)


@pytest.fixture(scope="module")
def document() -> str:
    """A report of two seeds whose names, sentences, texts and experiment mean harm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(insights, "texts", lambda fingerprint: [BAD] * 400)
        results = [
            replace(one, run=replace(one.run, name=BAD, experiment_name=BAD))
            for one in fake_experiments.experiment(
                seeds=(0, 1), watch=BAD, labels=("negative", BAD)
            )
        ]
        return report.html(results).decode()


def outside_scripts(document: str) -> str:
    return re.sub(r"<script[^>]*>.*?</script>", "", document, flags=re.DOTALL)


def content(document: str) -> dict:
    found = re.search(r'id="content">(.*?)</script>', document, flags=re.DOTALL)
    assert found
    return json.loads(found[1])


def test_report_asks_nothing_of_any_other_place(document: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document)
    assert policy and policy[1].startswith("default-src 'none'") and "http" not in policy[1]
    markup = outside_scripts(document)
    assert not re.search(r"<(?:link|img|iframe|script)\b|url\(", markup)
    assert len(re.findall(r"<script\b", document)) == 3 == len(re.findall(r"</script>", document))


def test_nothing_a_user_wrote_is_markup(document: str) -> None:
    markup = outside_scripts(document)
    assert "<img" not in markup and "alert" in markup and "&lt;/script&gt;" in markup
    figures = [json.loads(one["figure"]) for one in content(document)["figures"]]
    titles = [one["layout"]["title"]["text"] for one in figures]
    assert not any("<script" in title or "<img" in title for title in titles)


def test_report_holds_verdict_figures_table_and_settings() -> None:
    results = fake_experiments.experiment(seeds=(0, 1))
    document = report.html(results).decode()
    assert verdict.summary(results) in document
    assert all(escape(one) in document for one in verdict.findings(results))
    names = [one["name"] for one in content(document)["figures"]]
    assert names[:3] == ["unfreeze-trade-off", "unfreeze-loss", "unfreeze-accuracy"]
    assert {
        "unfreeze-what-moved",
        "unfreeze-what-it-forgot",
        "unfreeze-watched-2",
        "unfreeze-answers-tfidf",
        "unfreeze-map-gradual",
    } <= set(names)
    assert document.count("data-figure=") == len(names)
    markup = outside_scripts(document)
    assert '<th scope="row">Learning rate</th>' in markup
    assert '<tr class="differs"><th scope="row">Mode</th>' in markup
    assert markup.count("</tr>") > 15 and "127.0.0.1" not in markup


def test_runs_that_came_to_nothing_make_a_report_all_the_same() -> None:
    one = fake_experiments.result(inside=False)
    unfinished = replace(one, run=replace(one.run, status="stopped"))
    assert "No network finished" in report.html([unfinished]).decode()


def test_csv_has_every_point_and_no_formula() -> None:
    one = fake_experiments.result()
    evil = replace(one, run=replace(one.run, name="=HYPERLINK(1)"))
    rows = list(
        csv.DictReader(io.StringIO(report.csv([evil, fake_experiments.result("tfidf")]).decode()))
    )
    assert tuple(rows[0]) == report.CSV_COLUMNS
    assert len(rows) == len(one.history) + len(fake_experiments.result("tfidf").history)
    assert rows[0]["name"] == "'=HYPERLINK(1)" and rows[0]["mode"] == "full"
    at = one.history.iloc[5]
    assert (
        float(rows[5]["accuracy"]) == pytest.approx(at["accuracy"])
        and rows[5]["split"] == at["split"]
    )
