"""The soak's checks find every loss and every difference. `make soak` runs the soak itself."""

import pytest

from benchmarks.load import run_audit
from ftcore import tracking
from ftcore.models import checkpoints
from ftcore.models.checkpoints import WEIGHTS
from ftcore.runs import execution
from tests.helpers import small_runs

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    small_runs.small_sample(monkeypatch)


def trained(**values: object) -> str:
    run_id = tracking.create_run(small_runs.config(**values))
    for _ in execution.execute(run_id):
        pass
    return run_id


def test_every_lost_run_is_found():
    good, broken, deleted = (trained(epochs=1, seed=seed) for seed in range(3))
    assert run_audit.lost_runs({good, broken, deleted}) == {}
    (checkpoints.run_path(broken) / WEIGHTS).write_bytes(b"half of it")
    tracking.delete(deleted)
    queued = tracking.create_run(small_runs.config())
    lost = run_audit.lost_runs({good, broken, deleted})
    assert lost.keys() == {broken, deleted, queued}
    assert "cannot be loaded" in lost[broken]
    assert lost[deleted] == "is not listed"
    assert lost[queued].startswith("is queued")


def test_a_run_that_differs_in_one_bit_is_found():
    first, second = trained(epochs=1, name="first"), trained(epochs=1, name="second")
    [(config, run_ids)] = run_audit.finished_by_config().items()
    assert set(run_ids) == {first, second}
    assert run_audit.differing_runs(config, run_ids) == {}
    file = checkpoints.run_path(second) / WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    assert run_audit.differing_runs(config, run_ids).keys() == {second}
