"""A dashboard and a real browser for the tests in this folder.

Without a Chromium these tests are skipped, unless UNFREEZE_REQUIRE_BROWSER is set.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from benchmarks.harness import browser
from benchmarks.harness.server_process import ServerProcess
from tests.helpers.browser_steps import UI_TIMEOUT

expect.set_options(timeout=UI_TIMEOUT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


class PatientBrowser:
    """Opens windows that wait as long as a busy machine needs, for elements and for addresses."""

    def __init__(self, running: Browser) -> None:
        self._running = running

    def new_context(self, **options: Any) -> BrowserContext:
        return _patient(self._running.new_context(**options))

    def new_page(self, **options: Any) -> Page:
        return _patient(self._running.new_page(**options))


Window = TypeVar("Window", BrowserContext, Page)


def _patient(window: Window) -> Window:
    window.set_default_timeout(UI_TIMEOUT)
    window.set_default_navigation_timeout(UI_TIMEOUT)  # 30 s otherwise
    return window


@pytest.fixture(scope="session")
def chromium():
    if not browser.path():
        pytest.skip("no chromium: install it, or set CHROMIUM to its path")
    with browser.chromium() as running:
        yield PatientBrowser(running)


@pytest.fixture(scope="module")
def server_home(tmp_path_factory):
    """The home of the module's dashboard, empty at its start."""
    return tmp_path_factory.mktemp("browser-home")


@pytest.fixture(scope="module")
def server(server_home):
    """The address of a dashboard that the module's tests share."""
    with serve(server_home) as address:
        yield address


@contextmanager
def serve(home: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run a dashboard with this home and check at its end that it logged no traceback.

    It asks no Hub, unless `environment` says otherwise.
    """
    with ServerProcess(home, *options, **{"HF_HUB_OFFLINE": "1"} | environment) as server:
        yield server.address
    log = server.log.read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def page(chromium):
    """A page 1440 wide that fails the test if the browser reports an error."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    errors: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: errors.extend(console_errors(message)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def console_errors(message: ConsoleMessage) -> list[str]:
    address = message.location.get("url", "")
    # On a deep link Streamlit itself looks for its server below the page first, and then above it.
    probing = address.endswith(("/_stcore/health", "/_stcore/host-config"))
    return [f"{message.text} ({address})"] if message.type == "error" and not probing else []
