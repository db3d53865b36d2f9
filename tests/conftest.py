"""What every test shares: a home of its own, no addresses from outside, the real data.

`UNFREEZE_REQUIRE_BROWSER=1` makes a skipped browser test a failure, `UNFREEZE_NO_SKIPS=1` any
skipped test but those marked `gpu`; `.ci/run` sets both, so nothing goes untested there unnoticed.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
OUTSIDE = (
    "UNFREEZE_PASSWORD",
    "MLFLOW_TRACKING_URI",
    "UNFREEZE_IMDB_URL",
    "UNFREEZE_AG_NEWS_URL",
    "UNFREEZE_GLOVE_URL",
)


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for fixtures that outlive a test; nothing ever reaches ~/.unfreeze."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("session-home")
        patch.setenv("UNFREEZE_HOME", str(home))
        for name in OUTSIDE:
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(autouse=True)
def home(session_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for each test; the folder is made by whoever writes to it."""
    path = tmp_path / "unfreeze-home"
    monkeypatch.setenv("UNFREEZE_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real IMDB, AG News and GloVe parts."""
    beside = TESTS.parent.parent / "shared" / "data"
    path = Path(os.environ.get("UNFREEZE_DATA") or beside).resolve()
    if not path.is_dir():
        pytest.skip("no real data: set UNFREEZE_DATA to its folder")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where the environment asks for it."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item.path, item):
        report.outcome = "failed"
        report.longrepr = f"skipped, but must run here: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    if report.outcome == "skipped" and _must_run(collector.path, collector):
        report.outcome = "failed"
        report.longrepr = f"skipped, but must run here: {_reason(report.longrepr)}"
    return report


def _must_run(path: Path, node: pytest.Item | pytest.Collector) -> bool:
    if node.get_closest_marker("gpu"):
        return False
    in_browser = TESTS / "browser" in path.parents
    return bool(os.environ.get("UNFREEZE_NO_SKIPS")) or (
        in_browser and bool(os.environ.get("UNFREEZE_REQUIRE_BROWSER"))
    )


def _reason(longrepr: object) -> str:
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)
