"""Steps that several browser tests take, and what they wait for."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.helpers.waiting import PATIENCE

UI_TIMEOUT = 1000 * PATIENCE  # milliseconds
TRAINING_TIMEOUT = 900_000  # milliseconds, to wait for a run
AT_STEP = re.compile(r"[\d,]+ of [\d,]+ steps")
# The number of points on the charts of a metric, once it exceeds a number; else 0.
POINTS = """([metric, than]) => {
  const plots = [...document.querySelectorAll(`.uf-plot[data-metric=${metric}]`)];
  const count = plots.flatMap(plot => plot.data ?? []).reduce((sum, curve) => sum + curve.x.length, 0);
  return count > than ? count : 0;
}"""


def button(page: Page | Locator, name: str) -> Locator:
    """The button of that name."""
    return page.get_by_role("button", name=name, exact=True)


def stop_button(page: Page) -> Locator:
    """The dashboard's Stop; Streamlit shows one of its own while a page takes long."""
    return page.locator(".st-key-stop").get_by_role("button").first


def dialog_button(page: Page, name: str) -> Locator:
    """The button of that name, perhaps after an icon, in the open dialog."""
    return page.get_by_role("dialog").get_by_role("button", name=re.compile(f"{name}$"))


def wait_until_idle(page: Page) -> None:
    """Wait until no script runs and no placeholder is left."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def visit(page: Page, address: str) -> None:
    """Open a page and wait until it is whole: a click on a part that moves just then is lost."""
    page.goto(address)
    wait_until_idle(page)


def start_run(page: Page, address: str, epochs: int, texts: int = 0) -> str:
    """Start a run on the sample, or so many texts of it, with the form; the address of its page."""
    page.goto(f"{address}/train")
    numbers = {"Epochs": epochs} | ({"Training texts": texts} if texts else {})
    for name, value in numbers.items():
        page.get_by_role("spinbutton", name=name).fill(str(value))
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio", name="Quick")).not_to_be_checked()
    button(page, "Start").click()
    page.wait_for_url(re.compile(r"\?run="))
    return page.url


def count_points(page: Page, metric: str) -> int:
    """Points on the charts of a metric."""
    return page.evaluate(POINTS, [metric, 0])


def wait_for_points(page: Page, metric: str, more_than: int = 0) -> int:
    """Wait until the charts of a metric hold more points than that; return their number."""
    arguments = [metric, more_than]
    handle = page.wait_for_function(POINTS, arg=arguments, timeout=TRAINING_TIMEOUT)
    return handle.json_value()


def expect_no_overflow(page: Page) -> None:
    """Check that the page, once idle, has no error and is no wider than its window."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    wait_until_idle(page)
    for element in (page.get_by_test_id("stMain"), page.locator("html")):
        assert element.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
