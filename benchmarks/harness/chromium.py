"""Chromium for the browser tests."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

MISSING = "No chromium: install it, or set CHROMIUM to its path."
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str | None:
    """The browser's path: the environment variable CHROMIUM, else the installed one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """Start the browser, offline but for the pages it opens."""
    return playwright.chromium.launch(executable_path=path(), args=FLAGS)
