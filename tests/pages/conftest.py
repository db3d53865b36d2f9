"""Fixtures for tests of pages."""

import pytest
import streamlit as st

from ftcore import paths
from ftcore.models import hub_offer
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
def nothing_cached():
    """Pages show nothing that another test cached."""
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Pages ask no Hub."""
    monkeypatch.setattr(hub_offer, "_asked", {})
    monkeypatch.setattr(hub_offer, "first_suggestion", lambda checkpoints: None)
