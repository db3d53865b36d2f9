"""A server of its own and a real browser for the tests in this folder.

Chromium is the one that CHROMIUM names, else the installed one; without any, these tests are skipped,
unless UNFREEZE_REQUIRE_BROWSER is set.
"""

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 900_000  # milliseconds, for what waits for a training; a click has PAINT
PAINT = 30_000
expect.set_options(timeout=PAINT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(path).exists():
        pytest.skip("no chromium: install it, or name it with CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of that dashboard, empty at its start."""
    return tmp_path_factory.mktemp("browser-home")


@pytest.fixture(scope="module")
def server(server_home: Path) -> Iterator[str]:
    """The address of a dashboard of its own."""
    with serve(server_home) as address:
        yield address


@contextmanager
def serve(home: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run the dashboard, as a user starts it, with this home; it is stopped, not killed."""
    with started(home, *options, **environment) as (address, _):
        yield address
    log = (home / "server.log").read_text()
    assert "Traceback" not in log, log


@contextmanager
def started(
    home: Path, *options: str, **environment: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The same, with the process, which may be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "streamlit",
                "run",
                "app.py",
                "--server.headless",
                "true",
                "--server.port",
                str(port),
                *options,
            ],
            cwd=ROOT,
            env=os.environ | {"UNFREEZE_HOME": str(home)} | environment,
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, process, log)
        yield address, process
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_up(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = monotonic() + 60
    while monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except urllib.error.HTTPError:
            return  # it is there, and wants a sign-in first
        except OSError:
            continue
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page, 1440 wide, that fails the test where the browser reports an error."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PAINT)
    errors: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: errors.extend(_error(message)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def button(page: Page | Locator, name: str) -> Locator:
    """The button of that name."""
    return page.get_by_role("button", name=name, exact=True)


def stop(page: Page) -> Locator:
    """Our Stop; Streamlit shows one of its own while a page takes long."""
    return page.locator(".st-key-stop").get_by_role("button").first


def _error(message: ConsoleMessage) -> list[str]:
    address = message.location.get("url", "")
    # On a deep link Streamlit itself looks for its server below the page first, and then above it.
    probing = address.endswith(("/_stcore/health", "/_stcore/host-config"))
    return [f"{message.text} ({address})"] if message.type == "error" and not probing else []
