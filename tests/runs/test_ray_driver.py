"""Which runs the driver hands to Ray, in what order; Ray itself is replaced."""

import socket
from types import SimpleNamespace

import pytest

from ftcore import __version__, paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.runs import ray_driver, remote
from ftcore.runs.queue_order import Limits
from ftcore.runs.ray_driver import Driver
from tests.helpers import disk_limit, small_runs

ray_module = pytest.importorskip("ray")


class NoRay:
    """A cluster of nodes on which runs never end, but for those that a node refuses."""

    exceptions = SimpleNamespace(RayTaskError=KeyError, RayError=OSError)

    def __init__(self, *cpus, refusals=None):
        self.cpus, self.refusals = cpus, refusals or {}
        self.handed, self.places = [], []

    def remote(self, **options):
        return lambda function: SimpleNamespace(
            options=lambda **options: SimpleNamespace(remote=self._hand)
        )

    def _hand(self, run_id, node_id, *_):
        self.handed.append(run_id)
        self.places.append(node_id[0])
        return len(self.handed), self.refusals.get(node_id[0])

    def nodes(self):
        return [
            {
                "NodeID": letter * 56,
                "NodeManagerHostname": socket.gethostname(),
                "Alive": True,
                "Resources": {"CPU": float(cpus)},
            }
            for letter, cpus in zip("abc", self.cpus, strict=False)
        ]

    def wait(self, tasks, **options):
        return [task for task in tasks if task[1]], [task for task in tasks if not task[1]]

    def get(self, task):
        return task[1]

    def cancel(self, task, force):
        """It does not answer."""


def queue(*names, **settings):
    """Queue runs, each asked for by the person of its name's first letter; return the names by run id."""
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    settings = {"threads": 1, "device": "cpu"} | settings
    return {
        tracking.create_run(
            FineTuneConfig(name=name, **settings), place=float(place), person=name[0]
        ): name
        for place, name in enumerate(names, start=1)
    }


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
    ids = queue("a1", "a2", "a3", "b1")
    ray = NoRay(cpus)
    driver = Driver(ray, limits)
    for _ in range(2):
        driver.step()
    assert [ids[run_id] for run_id in ray.handed] == handed


def test_a_run_that_a_node_refuses_begins_on_another_one():
    """Such as the largest node, with a full disk: it must not attract every run again and again."""
    ids = queue("a1", "a2")
    ray = NoRay(8, 2, refusals={"a": "host: The disk is full: free some space and try again."})
    driver = Driver(ray, Limits())
    driver.step()
    assert ray.places == ["a", "a"]
    driver.step()
    assert ray.places == ["a", "a", "b", "b"]
    assert all("The disk is full" in tracking.run(run_id).message for run_id in ids)


@pytest.mark.parametrize(
    ("cpus", "places"), [((8, 2), ["a", "b"]), ((8,), ["a", "a"]), ((8, 0), ["a", "a"])]
)
def test_a_lost_run_goes_to_a_node_that_answers_if_one_has_what_it_needs(cpus, places):
    """Ray has not noticed yet that the largest node is cut off; a head has no CPUs for runs."""
    (run_id,) = queue("a1")
    ray = NoRay(*cpus)
    driver = Driver(ray, Limits())
    driver.step()
    driver._give_up(run_id)
    driver.step()
    assert ray.places == places


def test_a_run_that_asks_for_more_gpus_than_there_are_says_so_and_lets_others_pass():
    big = queue("a1", device="cuda")
    small = queue("b1")
    ray = NoRay(2)
    Driver(ray, Limits()).step()
    assert [small.get(run_id) for run_id in ray.handed] == ["b1"]
    message = "It needs 1 CPU and 1 GPU on one node, and no node has them; it waits for one."
    assert [tracking.run(run_id).message for run_id in big] == [message]


def test_a_node_that_cannot_begin_a_run_says_why_and_leaves_it_waiting(monkeypatch, tmp_path):
    (run_id,) = queue("a1")

    def begin(version=__version__):
        return remote.execute_here(run_id, "abcdef" * 9, 1, 0.0, version)

    assert "(abcdefab) has Unfreeze" in begin("0.0.1") and "the worker 0.0.1" in begin("0.0.1")
    with disk_limit.limit_file_size(1000):
        assert "The disk is full: free some space" in begin()
    assert tracking.run(run_id).status == "queued" and not tracking.run(run_id).claimed
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "other"))
    assert "does not see the folder of the run" in begin()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            RuntimeError("Ray has no authentication token"),
            "asks for its token: set RAY_AUTH_TOKEN_",
        ),
        (ConnectionError("Failed to connect to h:1"), "on one of its machines, with its token"),
        (RuntimeError("Version mismatch:\n  Ray: 1"), "cannot be used: Version mismatch: Ray: 1"),
    ],
)
def test_why_a_cluster_cannot_be_used_is_a_sentence(error, sentence, monkeypatch):
    def refuse(**options):
        raise error

    monkeypatch.setenv("RAY_ADDRESS", "h:1")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray_module, "init", refuse)
    with pytest.raises(UnfreezeError, match=sentence) as raised:
        ray_driver.connect()
    assert str(raised.value).startswith("The Ray cluster at RAY_ADDRESS (h:1) ")
