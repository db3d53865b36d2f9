"""The report and the CSV: complete, without outside resources, and safe whatever a user wrote."""

import csv
import io
import json
import re
from dataclasses import replace
from html import escape

import pytest

from ftcore import paths
from ftcore.diagnostics import dataset_texts
from ftcore.experiments import verdict
from ftcore.experiments.comparison import sides
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from pages.components.compare import probabilities, report
from tests.helpers import fake_results

BAD = '</script><script>alert("x")</script><img src=https://example.com/x>'


@pytest.fixture(autouse=True)
def texts(monkeypatch):
    monkeypatch.setattr(dataset_texts, "load", lambda fingerprint: [BAD] * 400)


@pytest.fixture
def document():
    """A report of two seeds whose names, sentences, texts and experiment are malicious."""
    results = fake_results.experiment(seeds=(0, 1), watch=BAD, labels=("negative", BAD))
    runs = [replace(result.run, name=BAD, experiment_name=BAD) for result in results]
    named = [replace(result, run=run) for result, run in zip(results, runs, strict=True)]
    return report.html(named).decode()


def outside_scripts(document: str) -> str:
    return re.sub(r"<script[^>]*>.*?</script>", "", document, flags=re.DOTALL)


def figures(document: str) -> list[dict]:
    [content] = re.findall(r'id="content">(.*?)</script>', document, flags=re.DOTALL)
    return json.loads(content)["figures"]


def test_report_requests_nothing_and_contains_no_markup_of_users(document):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document)
    assert policy and policy[1].startswith("default-src 'none'") and "http" not in policy[1]
    markup = outside_scripts(document)
    assert not re.search(r"<(?:link|img|iframe|script)\b|url\(", markup)
    assert len(re.findall(r"<script\b", document)) == 3 == len(re.findall(r"</script>", document))
    assert "alert" in markup and "&lt;/script&gt;" in markup
    layouts = [json.loads(each["figure"])["layout"] for each in figures(document)]
    titles = [layout["title"]["text"] for layout in layouts]
    assert not any("<script" in title or "<img" in title for title in titles)


def test_report_contains_verdict_figures_table_and_settings():
    results = fake_results.experiment(seeds=(0, 1))
    document = report.html(results).decode()
    assert verdict.summary(results) in document
    assert all(escape(line) in document for line in verdict.findings(results))
    names = [figure["name"].removeprefix("unfreeze-") for figure in figures(document)]
    assert names[:3] == ["trade-off", "loss", "accuracy"]
    later = {"what-moved", "what-it-forgot", "watched-2", "answers-tfidf", "map-gradual"}
    later |= {"reliability-full", "answered-tfidf"}
    assert later <= set(names)
    assert document.count("data-figure=") == len(names)
    markup = outside_scripts(document)
    assert '<th scope="row">Learning rate</th>' in markup
    assert '<tr class="differs"><th scope="row">Mode</th>' in markup
    assert '<th scope="col">From seed to seed</th>' in markup and "127.0.0.1" not in markup


def test_report_follows_the_theme_of_the_dashboard(document):
    config = (paths.ROOT / ".streamlit" / "config.toml").read_text()
    colours = re.findall(r'Color = "(#\w+)"', config)
    assert len([colour for colour in colours if colour in document]) >= 2 * len(report.THEME)


def test_report_of_unfinished_runs_says_so():
    result = fake_results.full_result(inside=False)
    unfinished = replace(result, run=replace(result.run, status="stopped"))
    assert "No network finished" in report.html([unfinished]).decode()


def test_csv_has_every_point_and_no_formula():
    result = fake_results.full_result()
    malicious = replace(result, run=replace(result.run, name="=HYPERLINK(1)"))
    tfidf = fake_results.full_result("tfidf")
    rows = list(csv.DictReader(io.StringIO(report.csv([malicious, tfidf]).decode())))
    assert list(rows[0]) == report.CSV_COLUMNS
    assert len(rows) == len(result.history) + len(tfidf.history)
    assert rows[0]["name"] == "'=HYPERLINK(1)" and rows[0]["mode"] == "full"
    point = result.history.iloc[5]
    assert float(rows[5]["accuracy"]) == pytest.approx(point["accuracy"])
    assert rows[5]["split"] == point["split"]


def test_the_report_has_the_figures_of_each_class_the_hardest_first():
    results = fake_results.experiment(("full", "majority"), labels=("a", BAD, "c"))
    markup = outside_scripts(report.html(results).decode())
    table = markup.partition("<h2>Each class</h2>")[2].partition("</table>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', table)
    assert sorted(label for label, _ in rows) == sorted(["a", escape(BAD), "c"])
    sums = [sum(map(float, re.findall(r"<b>([\d.]+)%", cells))) for _, cells in rows]
    assert sums == sorted(sums) and len(re.findall("<b>", rows[0][1])) == 2


def test_the_report_draws_calibrated_probabilities_of_a_model_on_this_disk(small_checkpoints):
    kept = Calibration(3.0, 0.95, {"negative": 0.1, "positive": 0.2}, 40)
    calibration.write(checkpoints.find("sentiment"), kept)
    result = fake_results.full_result()
    here = replace(result, run=replace(result.run, run_id="sentiment"))
    names = [
        [
            trace.name
            for trace in dict(probabilities.figures(sides([each])))["reliability-full"].data
        ]
        for each in (result, here)
    ]
    assert len(names[0]) == 2 and names[1][:2] == names[0] and "calibrated" in names[1][2]
