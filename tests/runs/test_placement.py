"""Which node executes which run; which workers are chosen."""

import pytest

from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError, UsageError
from ftcore.runs import placement, supervisor, workers
from ftcore.runs.placement import Needs, Node

CPU_ONLY = Node("c", "cpus", 8.0, 0.0)
WITH_GPUS = Node("g", "gpus", 16.0, 2.0)


def needs(nodes, before=0, **settings):
    return placement.needs(FineTuneConfig(**settings), before, nodes)


def test_a_run_reserves_what_its_settings_and_the_cluster_say():
    both = [CPU_ONLY, WITH_GPUS]
    assert needs(both) == Needs(2, 1.0)
    assert needs(both, gpu_share=0.25) == Needs(2, 0.25)
    assert needs(both, device="cpu") == needs([CPU_ONLY]) == Needs(2, 0.0)
    assert needs([CPU_ONLY], device="cuda") == Needs(2, 1.0)  # it waits for a node that has one
    assert needs([CPU_ONLY], before=6) == Needs(6, 0.0)  # as it began
    assert needs([CPU_ONLY], before=6, threads=3) == Needs(3, 0.0)
    assert needs([Node("s", "small", 1.0, 0.0)]) == Needs(1, 0.0)


def test_runs_take_the_node_with_most_room_and_leave_gpus_to_those_that_need_one():
    assert placement.choose(Needs(2, 0.0), [CPU_ONLY, WITH_GPUS]) == CPU_ONLY
    full = CPU_ONLY.without([Needs(7, 0.0)])
    assert placement.choose(Needs(2, 0.0), [full, WITH_GPUS]) == WITH_GPUS
    assert placement.choose(Needs(1, 0.5), [CPU_ONLY, WITH_GPUS]) == WITH_GPUS
    shared = WITH_GPUS.without([Needs(1, 0.3)] * 6)
    assert shared.gpus == pytest.approx(0.2) and placement.choose(Needs(1, 0.3), [shared]) is None
    assert str(Needs(1, 3.0)) == "1 CPU and 3 GPUs"


def test_workers_are_chosen_by_name(monkeypatch):
    assert workers.kind() == "local"
    monkeypatch.setenv("UNFREEZE_WORKERS", "slurm")
    with pytest.raises(UsageError, match="'slurm'; choose local or ray"):
        workers.kind()
    monkeypatch.setenv("UNFREEZE_WORKERS", "ray")
    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    with pytest.raises(UnfreezeError, match=r"Ray is not installed: install requirements-ray.txt"):
        workers.check()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "Nobody answers at RAY_ADDRESS 127.0.0.1:1 (Connection refused)"),
        ("nowhere.invalid:6379", "Nobody answers at RAY_ADDRESS nowhere.invalid:6379"),
        ("ray://10.0.0.1:10001", "give it as HOST:PORT"),
        ("10.0.0.1", "give it as HOST:PORT"),
        ("127.0.0.1:99999", "Nobody answers"),
        ("", ""),
    ],
)
def test_an_address_at_which_nobody_answers_is_a_sentence(address, message):
    assert message in supervisor.unreachable(address)
    assert bool(supervisor.unreachable(address)) == bool(message)


def test_a_supervisor_says_why_it_cannot_begin(monkeypatch, capsys):
    monkeypatch.setattr(supervisor.workers, "require_ray", lambda: None)
    monkeypatch.setattr(supervisor.signal, "signal", lambda number, handler: None)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert main(["worker", "--ray", "--until-idle"]) == 0
    assert capsys.readouterr().err.startswith("Nobody answers at RAY_ADDRESS 127.0.0.1:1")
