"""What /health says of the queue and of what failed."""

from collections.abc import Iterator
from time import monotonic

import pytest

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import health, queue
from tests.helpers import small_runs


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two runs, the first of which trains until it is stopped."""
    small_runs.small_sample(monkeypatch)
    made = [queue.submit(small_runs.config(epochs=1000, name=name)) for name in ("first", "second")]
    yield made
    queue.shutdown()


def test_names_the_run_that_trains_and_counts_the_others(trained: list[str]) -> None:
    end = monotonic() + 30
    while (now := health.report())["queue"]["running"] is None and monotonic() < end:
        pass
    assert now["queue"] == {"running": trained[0], "waiting": 1}
    assert "threads" in now["device"] or now["device"]
    for run_id in reversed(trained):
        queue.stop(run_id)
    while queue.busy() and monotonic() < end:
        pass
    assert health.report()["queue"] == {"running": None, "waiting": 0}


def test_last_error_is_that_of_the_newest_run_that_failed() -> None:
    assert health.report()["last_error"] is None
    failed = small_runs.run("failed", saved=False)
    tracking.finish(failed, small_runs.Finished("failed", "The disk is full; free some space."))
    small_runs.run("finished", saved=False)
    assert health.report()["last_error"] == "The disk is full; free some space."


def test_record_that_cannot_be_read_is_an_error() -> None:
    paths.home().mkdir()
    (paths.home() / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(UnfreezeError, match="record of runs"):
        health.report()
