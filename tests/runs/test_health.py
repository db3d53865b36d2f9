"""What /health reports of the queue and of failed runs."""

import pytest

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.runs import health
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.controlled_training import ControlledTraining


def test_report_names_the_running_run_and_counts_the_waiting(training: ControlledTraining) -> None:
    running, waiting = training.submit("first", "second")
    assert health.report()["queue"] == {"running": running, "waiting": 1}
    assert health.report()["device"]
    for run_id in (waiting, running):
        scheduler.stop(run_id)
    assert scheduler.queue.join(timeout=20.0)
    assert health.report()["queue"] == {"running": None, "waiting": 0}


def test_last_error_is_the_message_of_the_newest_failed_run() -> None:
    assert health.report()["last_error"] is None
    failed = small_runs.run("failed", saved=False)
    tracking.finish(failed, Finished("failed", "The disk is full; free some space."))
    small_runs.run("finished", saved=False)
    assert health.report()["last_error"] == "The disk is full; free some space."


def test_unreadable_record_is_an_error() -> None:
    paths.home().mkdir()
    (paths.home() / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(UnfreezeError, match="record of runs"):
        health.report()
