"""Home: the state of the installation and the ways on."""

import pytest

from tests.helpers import small_runs
from tests.helpers.app_pages import open_page, press, text

pytestmark = pytest.mark.usefixtures("small_checkpoints")


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
