"""The soak's checks find every loss and every difference. `make soak` runs the soak itself."""

import json
import socket

import pytest

from benchmarks.load import changing_parent, half_open, run_audit
from benchmarks.load.changing_parent import ChangingParent
from ftcore import tracking
from ftcore.models import checkpoints
from ftcore.models.checkpoints import CONFIG, WEIGHTS
from ftcore.runs import execution
from tests.helpers import small_runs
from tests.helpers.paused_runs import execute, paused

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
    assert run_audit.lost_runs({good, broken, deleted}, set()) == {}
    (checkpoints.run_path(broken) / WEIGHTS).write_bytes(b"half of it")
    tracking.delete(deleted)
    queued = tracking.create_run(small_runs.config())
    lost = run_audit.lost_runs({good, broken, deleted}, set())
    assert lost.keys() == {broken, deleted, queued}
    assert "cannot be loaded" in lost[broken]
    assert lost[deleted] == "is not listed"
    assert lost[queued].startswith("is queued")
    assert run_audit.lost_runs({good}, {broken}).keys() == {queued}, "one checkpoint was deleted"


def test_a_run_that_differs_in_one_bit_is_found():
    first, second = trained(epochs=1, name="first"), trained(epochs=1, name="second")
    [(same, run_ids)] = run_audit.finished_alike(set()).items()
    assert set(run_ids) == {first, second}
    assert run_audit.finished_alike({first}) == {same: [second]}, "one checkpoint was deleted"
    assert run_audit.differing_runs(same.config, run_ids) == {}
    folder = checkpoints.run_path(second)
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(content))
    config = json.loads((folder / CONFIG).read_text()) | {"weights_fingerprint": ""}
    (folder / CONFIG).write_bytes(checkpoints.encode_config(config))
    assert run_audit.differing_runs(same.config, run_ids).keys() == {second}


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(changing_parent, "STARTER", "base")
    parent = ChangingParent(tmp_path / "parents")
    parent.put(0)
    return parent


def test_a_run_may_be_refused_only_while_its_parent_is_another(parent):
    run_id = paused(small_runs.config(checkpoint=changing_parent.REF))
    parent.put(1)
    assert execute(run_id) == "interrupted"
    assert run_audit.was_refused(run_id) and run_audit.lost_runs({run_id}, set()) == {}
    parent.put(0)
    assert "is what it was" in run_audit.lost_runs({run_id}, set())[run_id]
    assert execute(run_id) == "finished"
    assert run_audit.lost_runs({run_id}, set()) == {}


def test_runs_of_different_parents_are_not_compared(parent):
    first = trained(epochs=1, checkpoint=changing_parent.REF)
    parent.put(1)
    second = trained(epochs=1, checkpoint=changing_parent.REF)
    groups = run_audit.finished_alike(set())
    assert sorted(groups.values()) == sorted([[first], [second]])
    [same] = [same for same in groups if same.can_be_repeated]
    assert groups[same] == [second]
    assert run_audit.differing_runs(same.config, [second]) == {}
    assert run_audit.differing_runs(same.config, [first]).keys() == {first}


def test_half_open_connections_send_no_whole_request():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        with half_open.connections(server.getsockname()[1], 4):
            accepted = [server.accept()[0] for _ in range(4)]
            sent = [client.recv(1_000) for client in accepted[1:]]
            assert [request.decode() for request in sent] == half_open.HALF_REQUESTS[1:]
        assert accepted[0].recv(1) == b"", "they are closed at the end"
        for client in accepted:
            client.close()
