"""Which runs the driver hands to Ray, in what order; Ray itself is replaced."""

import socket
from types import SimpleNamespace

import pytest

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.runs.queue_order import Limits
from ftcore.runs.ray_driver import Driver
from tests.helpers import small_runs

pytest.importorskip("ray")


class NoRay:
    """A cluster of one node, on which runs never end."""

    def __init__(self, cpus):
        self.cpus, self.handed = cpus, []

    def remote(self, **options):
        return lambda function: SimpleNamespace(options=lambda **options: self._executor())

    def _executor(self):
        return SimpleNamespace(remote=lambda run_id, *_: self.handed.append(run_id) or run_id)

    def nodes(self):
        node = {"NodeID": "ab" * 28, "NodeManagerHostname": socket.gethostname(), "Alive": True}
        return [node | {"Resources": {"CPU": float(self.cpus)}}]

    def wait(self, tasks, **options):
        return [], tasks


@pytest.mark.parametrize(
    ("cpus", "limits", "handed"),
    [
        (2, Limits(), ["a1", "b1"]),
        (4, Limits(), ["a1", "b1", "a2", "a3"]),
        (4, Limits(per_person=2), ["a1", "b1", "a2"]),
        (4, Limits(total=1), ["a1"]),
    ],
)
def test_people_take_turns_within_the_limits(cpus, limits, handed):
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    ids = {}
    for place, name in enumerate(("a1", "a2", "a3", "b1"), start=1):
        config = FineTuneConfig(name=name, threads=1, device="cpu")
        ids[tracking.create_run(config, place=float(place), person=name[0])] = name
    ray = NoRay(cpus)
    driver = Driver(ray, limits)
    for _ in range(2):
        driver.step()
    assert [ids[run_id] for run_id in ray.handed] == handed
