"""Labels worth a second look on the page Data: listed, corrected with a click, undone, and measured."""

import pytest

from ftcore import tracking
from ftcore.data.store import versions
from tests.helpers import messy_tables, own_data, small_runs
from tests.helpers.app_pages import button, html, open_page, press, text
from tests.helpers.messy_tables import Row

pytestmark = pytest.mark.usefixtures("small_checkpoints")
WRONG = 7


@pytest.fixture
def app(tmp_path, monkeypatch):
    """The view of data in which one label is wrong, after a look."""
    small_runs.hold_experiments(monkeypatch)
    words = ("bad", "good")
    rows = [Row(f"the film {n} is <b>{words[n % 2]}</b> .", f"*{words[n % 2]}*") for n in range(80)]
    rows[WRONG] = rows[WRONG]._replace(label="*bad*")
    file = messy_tables.write(tmp_path / "mine.csv", rows)
    own_data.add(file)
    app = press(open_page("data", dataset="mine", view="labels"), "Look")
    assert not app.exception and not app.error
    return app


def shown(app):
    return {metric.label: metric.value for metric in app.metric}


def test_a_wrong_label_is_corrected_dropped_undone_and_what_it_bought_is_measured(app):
    assert shown(app)["Labels"] == "80" and shown(app)["Changed since"] == "0"
    first = html(app)[0]
    assert f"row {WRONG}" in first and "*bad* ·" in first and "<b>" not in first
    assert not any(each.label == "Measure it" for each in app.button)
    app.text_input(key="label_person").set_value("Ann").run()
    press(app, "\\*good\\*")
    assert not app.exception and shown(app)["Changed since"] == "1"
    assert versions.get("mine").version == 1
    press(app, "Undo")
    assert versions.get("mine").version == 2 and shown(app)["Changed since"] == "0"
    press(app, "Drop")
    assert versions.get("mine").sizes["train"] == versions.get("mine@0").sizes["train"] - 1
    press(app, "Measure it")
    assert not app.exception
    data = tracking.runs()["config"].map(lambda config: (config.dataset, config.seed))
    assert sorted(data) == [(f"mine@{version}", seed) for version in (0, 3) for seed in range(3)]


def test_built_in_data_is_looked_at_but_not_changed():
    app = open_page("data", dataset="sample", view="labels")
    assert not app.exception and button(app, "Look")
    press(app, "Back to the texts")
    assert "view" not in app.query_params and "Second look at labels" in {
        b.label for b in app.button
    }
    assert "Synthetic" in text(app)
