"""The soak's own eyes: whatever is lost, broken or different is seen. `make soak` is the thing itself."""

import pytest

from benchmarks.load import ledger
from ftcore import tracking
from ftcore.data import datasets
from ftcore.models import checkpoints
from ftcore.models.checkpoints import WEIGHTS
from ftcore.runs import execution
from tests.helpers import small_runs


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> datasets.TextDataset:
    return small_runs.small_sample(monkeypatch)


def trained(**values: object) -> str:
    run_id = tracking.create_run(small_runs.config(**values))
    for _ in execution.execute(run_id):
        pass
    return run_id


def test_every_way_to_lose_a_run_is_seen(world: object) -> None:
    kept = ledger.Ledger()
    good, broken, gone, thrown_away = (trained(epochs=1, seed=n) for n in range(4))
    for run_id in (good, broken, gone, thrown_away):
        kept.start(run_id)
    assert ledger.lost(kept) == {}
    (checkpoints.run_path(broken) / WEIGHTS).write_bytes(b"half of it")
    kept.discard(thrown_away)
    for run_id in (gone, thrown_away):
        tracking.delete(run_id)
    stuck = tracking.create_run(small_runs.config())
    found = ledger.lost(kept)
    assert found.keys() == {broken, gone, stuck}
    assert "cannot be loaded" in found[broken]
    assert found[gone] == "is not listed"
    assert found[stuck].startswith("is queued")


def test_a_run_whose_weights_differ_in_one_number_is_seen(world: object) -> None:
    one, other = trained(epochs=1, name="one"), trained(epochs=1, name="other")
    [(config, run_ids)] = ledger.alike().items()
    assert set(run_ids) == {one, other}
    assert ledger.unlike(config, run_ids) == {}
    file = checkpoints.run_path(other) / WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    assert ledger.unlike(config, run_ids).keys() == {other}
