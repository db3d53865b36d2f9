"""Fixtures of all tests: a temporary home, no settings from outside, the real data.

`UNFREEZE_REQUIRE_BROWSER=1` makes a skipped browser test a failure, `UNFREEZE_NO_SKIPS=1` any
skipped test but those marked `gpu`; `.ci/run` sets both.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
UNSET = ["UNFREEZE_PASSWORD", "MLFLOW_TRACKING_URI", "UNFREEZE_ACTIVATIONS_GB"]
UNSET += ["UNFREEZE_IMDB_URL", "UNFREEZE_AG_NEWS_URL", "UNFREEZE_GLOVE_URL"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark fuzz tests and tests on the real data as slow."""
    for item in items:
        if "test_fuzz_" in item.path.name or "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory):
    """A home for fixtures that outlive a test, in place of ~/.unfreeze."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("session-home")
        patch.setenv("UNFREEZE_HOME", str(home))
        for name in UNSET:
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(autouse=True)
def home(session_home, tmp_path, monkeypatch):
    """The home of each test; the folder does not exist yet."""
    path = tmp_path / "unfreeze-home"
    monkeypatch.setenv("UNFREEZE_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def shared_data():
    """The folder with the real IMDB, AG News and GloVe data."""
    beside = TESTS.parent.parent / "shared" / "data"
    path = Path(os.environ.get("UNFREEZE_DATA") or beside).resolve()
    if not path.is_dir():
        pytest.skip("no real data: set UNFREEZE_DATA to its folder")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure if the environment asks for it."""
    report = yield
    names = ["UNFREEZE_NO_SKIPS"]
    if TESTS / "browser" in item.path.parents:
        names.append("UNFREEZE_REQUIRE_BROWSER")
    must_run = any(map(os.environ.get, names)) and not item.get_closest_marker("gpu")
    if must_run and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, but must run here: {reason}"
    return report
