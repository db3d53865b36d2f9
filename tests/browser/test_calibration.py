"""A run is calibrated on its page; Predict names the labels that hold the true one, or is asked not to."""

import pytest
from playwright.sync_api import expect

from tests.helpers import small_runs
from tests.helpers.browser_steps import button, expect_no_overflow, visit, wait_until_idle


@pytest.fixture(scope="module")
def run_id(server_home):
    """A finished run of random weights on the sample: it is sure of nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(server_home))
        small_runs.checkpoint(server_home / "checkpoints" / "base", "base")
        return small_runs.run(name="mine", checkpoint="base")


def test_a_run_is_calibrated_and_its_promise_can_be_switched_off(page, run_id, server):
    visit(page, f"{server}/train?run={run_id}")
    page.get_by_text("Can its probabilities be trusted?").click()
    page.get_by_role("radio", name="90%").click()
    wait_until_idle(page)
    button(page, "Calibrate").click()
    expect(button(page, "Calibrate again")).to_be_visible()
    expect(page.get_by_text("Covered, of 90%")).to_be_visible()
    expect(page.locator(".st-key-reliability .legendtext")).to_have_count(2)
    expect_no_overflow(page)

    button(page, "Try it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Predict")
    page.get_by_text("Praise", exact=True).click()
    promise = page.get_by_text("negative or positive, at 90%")
    expect(promise).to_be_visible()
    expect(page.get_by_text("not sure", exact=True)).to_be_visible()
    wait_until_idle(page)
    page.get_by_text("Raw probabilities").click()
    expect(promise).to_have_count(0)
    expect_no_overflow(page)
