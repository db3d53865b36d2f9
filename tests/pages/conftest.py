"""Fixtures for tests of pages."""

import pytest

from ftcore import paths
from pages.components.shell import warm_imports
from tests.helpers import small_runs


@pytest.fixture
def small_checkpoints(home, monkeypatch):
    """The folder of the bundled checkpoints, with small ones in it; the slow imports are done."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")
    warm_imports.preload().result()
    return home / "bundled"


@pytest.fixture(autouse=True)
def pages_ask_no_hub(no_hub):
    """All pages here are opened without one."""
