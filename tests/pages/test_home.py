"""Home: the state of the installation and the ways on."""

import pytest

from ftcore import paths
from ftcore.experiments import archive, catalog
from ftcore.experiments.learning_curve import analysis
from tests.helpers import fake_results, small_runs
from tests.helpers.app_pages import html, open_page, press, text


@pytest.fixture(autouse=True)
def bundled(small_checkpoints, monkeypatch):
    """The folder of the bundled experiments, which is not there yet."""
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", small_checkpoints / "experiments")
    return small_checkpoints / "experiments"


def test_home_counts_checkpoints_and_leads_to_training():
    app = open_page()
    assert not app.exception and "Fine-tune" in app.title[0].value
    assert "None yet" in text(app) and "**2**, 0 of them" in text(app)
    assert press(app, "Start a first run").title[0].value == "Train"


def test_home_links_to_the_run_in_training_and_offers_to_resume_an_interrupted_one():
    run_id = small_runs.run("interrupted", name="other")
    small_runs.run("running", name="mine")
    app = open_page()
    links = [element.proto.label for element in app.get("page_link")]
    assert any("now training: mine" in label for label in links)
    assert "other was interrupted" in text(app).replace("*", "")
    assert press(app, "Resume or keep it").query_params["run"] in (run_id, [run_id])


def test_home_leads_with_the_bundled_experiment_and_to_its_curves(bundled):
    rights = {
        "full": {100: 750, 500: 830, 2000: 870},
        "last-layer": {100: 700, 500: 740, 2000: 760},
    }
    rights |= {"scratch": {100: 550, 2000: 800}, "tfidf": {100: 580, 500: 810, 2000: 872}}
    results = fake_results.learning_curve(rights, dataset="imdb")
    archive.write(list(map(archive.in_short, results)), bundled / catalog.LEADING)
    app = open_page()
    found = analysis.analyse(results)
    [sentence] = [element for element in html(app) if "<h2" in element]
    assert "Full" in sentence and ">Last layer</span> is" not in sentence
    first, second = found.worth
    assert first.startswith("A network beats TF-IDF with 100 and 500 texts, Full by 2.")
    assert second.startswith("Pretraining is worth 20.") and {first, second} <= set(found.findings)
    assert first in text(app) and second in text(app)
    app = press(app, "See the curves")
    assert not app.exception and app.query_params["experiment"] in ("imdb-labels", ["imdb-labels"])
    assert sentence in html(app) and found.findings[-1] in text(app)


def test_a_damaged_bundled_experiment_leaves_home_as_it_is(bundled):
    (bundled / catalog.LEADING).mkdir(parents=True)
    (bundled / catalog.LEADING / "experiment.json").write_text("{}")
    app = open_page()
    assert not app.exception and not app.error and "None yet" in text(app)
