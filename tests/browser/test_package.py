"""The installed package: the dashboard starts from any folder, with its own settings and what is bundled."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from benchmarks.harness.ports import free_port
from ftcore import paths
from tests.helpers.waiting import PATIENCE, wait_for

LOOPBACK = "0100007F"  # 127.0.0.1 as /proc/net/tcp writes it


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package as a wheel installs it, without its requirements."""
    folder = tmp_path_factory.mktemp("package")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(paths.ROOT)]
    subprocess.run(wheel, check=True)
    [built] = folder.glob("unfreeze-*.whl")
    target = folder / "site"
    install = [*pip, "install", "--no-deps", "--no-compile", "--target", str(target), str(built)]
    subprocess.run(install, check=True)
    return target


def test_the_installed_dashboard_starts_in_an_empty_folder(site, tmp_path, page):
    port = free_port()
    home, folder = tmp_path / "home", tmp_path / "empty"
    folder.mkdir()
    environment = os.environ | {
        "PYTHONPATH": str(site),
        "UNFREEZE_HOME": str(home),
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    command = [sys.executable, "-m", "ftcore", "app", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        try:
            _open(page, f"http://127.0.0.1:{port}/checkpoints", process)
            expect(page.get_by_text("Starter · AG News").first).to_be_visible()
            # The theme of the config.toml beside app.py; the working directory has none.
            background = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
            assert page.evaluate(background) == "rgb(255, 255, 255)"
            primary = "getComputedStyle(document.querySelector('.stApp')).color"
            assert page.evaluate(primary) == "rgb(17, 20, 26)"
            assert _listening_addresses(port) == {LOOPBACK}
        finally:
            page.goto("about:blank")
            process.terminate()
    assert not list(folder.iterdir())


def test_the_installed_command_line_finds_what_is_bundled(site, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(site), "UNFREEZE_HOME": str(tmp_path / "home")}
    for arguments, expected in ((["checkpoints"], "starter"), (["experiments"], "sample")):
        command = [sys.executable, "-m", "ftcore", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, expected in done.stdout) == (0, True), done.stderr


def _open(page: Page, address: str, process: "subprocess.Popen[bytes]") -> None:
    """Open a page once the server answers."""

    def answers() -> bool:
        assert process.poll() is None, "the server ended"
        with suppress(OSError):
            return requests.get(address, timeout=PATIENCE).ok
        return False

    wait_for(answers)
    page.goto(address)


def _listening_addresses(port: int) -> set[str]:
    """The addresses, as /proc/net/tcp writes them, on which a port listens."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in local if int(number, 16) == port}
