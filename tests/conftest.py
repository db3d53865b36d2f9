"""Fixtures of all tests: a temporary home, no settings from outside, the real data.

`UNFREEZE_REQUIRE_BROWSER=1` makes a skipped browser test a failure, `UNFREEZE_NO_SKIPS=1` any
skipped test but those marked `gpu`; `.ci/run` sets both.
"""

import functools
import gc
import os
import signal
import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing
from operator import attrgetter
from pathlib import Path

import pytest

# Before torch is imported. By default, a thread that waits for another one of its process keeps a core busy,
# which the test processes share: training took three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

TESTS = Path(__file__).parent
OF_TESTS = {"UNFREEZE_DATA", "UNFREEZE_FUZZ", "UNFREEZE_NO_SKIPS", "UNFREEZE_REQUIRE_BROWSER"}
# What forgets what a module keeps for a process, and a test may have replaced or used up.
FORGET = [
    ("ftcore.diagnostics.dataset_texts", "_sample.cache_clear"),
    ("ftcore.models.hub_offer", "_asked.clear"),
    ("ftcore.tracking.failures", "_tries.clear"),
    ("pages.components.shell.log_limit", "LIMIT._periods.clear"),
    ("streamlit", "cache_data.clear"),
    ("streamlit", "cache_resource.clear"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark fuzz tests and tests on the real data as slow, and put files with slow tests first.

    A test process that takes a long file last leaves the other one idle.
    """
    for item in items:
        if "test_fuzz_" in item.path.name or "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: item.path not in slow and TESTS / "browser" not in item.path.parents
    )


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collections; the one at the end of each run took 0.3 s."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory):
    """A home for fixtures that outlive a test, in place of ~/.unfreeze."""
    with pytest.MonkeyPatch.context() as patch:
        ours = {name for name in os.environ if name.startswith("UNFREEZE_")}
        for name in (ours - OF_TESTS) | {"MLFLOW_TRACKING_URI", "RAY_ADDRESS"}:
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("session-home")
        patch.setenv("UNFREEZE_HOME", str(home))
        yield home


@pytest.fixture(autouse=True)
def home(session_home, tmp_path, monkeypatch):
    """The home of each test; the folder does not exist yet."""
    path = tmp_path / "unfreeze-home"
    monkeypatch.setenv("UNFREEZE_HOME", str(path))
    return path


@pytest.fixture(autouse=True)
def nothing_left():
    """A test finds nothing that another one has left in its process: see `FORGET`, and signal handlers."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for module, forget in FORGET:
        if module in sys.modules:
            attrgetter(forget)(sys.modules[module])()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def no_hub(monkeypatch):
    """Pages ask no Hub."""
    from ftcore.models import hub_offer

    monkeypatch.setattr(hub_offer, "first_suggestion", lambda checkpoints: None)


@pytest.fixture(scope="session", autouse=True)
def empty_store():
    """What MLflow creates in a new home takes it most of a second: it does so once, then it is copied.

    Only if the tests that were collected use the record: importing MLflow takes seconds.
    """
    migrations = sys.modules.get("ftcore.tracking.migrations")
    if migrations is None:
        yield
        return
    create = migrations.mlflow_db._initialize_tables

    def create_once(engine):
        with engine.connect() as connection:
            store = connection.connection.driver_connection
            if not isinstance(store, sqlite3.Connection) or tables(store):
                create(engine)
            elif tables(created):
                created.backup(store)
            else:
                create(engine)
                store.backup(created)

    def tables(store):
        return store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    with (
        closing(sqlite3.connect(":memory:", check_same_thread=False)) as created,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(migrations.mlflow_db, "_initialize_tables", create_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def installed_components():
    """Streamlit looks for components in every installed package whenever a page is opened: it does so once.

    That took a quarter of a second, longer than many pages.
    """
    if "streamlit" not in sys.modules:
        yield
        return
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


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
