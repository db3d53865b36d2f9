"""Runs on several devices: here two processes of one CPU, which talk by gloo."""

import os
import signal

import pytest

from ftcore import devices, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.events import Evaluation, Finished, Resumable, Step, drain
from ftcore.exchange import huggingface
from ftcore.runs import execution, processes
from ftcore.runs.checks import check_config
from ftcore.runs.execution import EndRequest
from tests.helpers import small_encoders

CONFIG = {"limit": 65, "test_limit": 33, "batch_size": 16, "epochs": 2, "evaluations": 1}
CONFIG |= {"precision": "fp32", "device": "cpu", "word_dropout": 0.0, "keep_model": False}


@pytest.fixture
def started(monkeypatch):
    """The processes that runs have started."""
    monkeypatch.setattr(devices, "_cores", lambda: 2)
    started = []

    class Noted(processes._Process):
        def __init__(self, assignment):
            super().__init__(assignment)
            started.append(self.process)

    monkeypatch.setattr(processes, "_Process", Noted)
    return started


def execute(run_id, on_event=lambda event: None, request=None):
    """The points of a run, and its last event."""
    points = []
    for event in execution.execute(run_id, request):
        on_event(event)
        if isinstance(event, Step | Evaluation):
            points.append(event)
    assert isinstance(event, Finished)
    return points, event


def losses(points):
    return [
        (getattr(point, "split", "train"), point.step, point.examples, point.loss)
        for point in points
    ]


def encoder(tmp_path):
    small_encoders.write_folder(tmp_path / "bert", "bert")
    return drain(huggingface.import_encoder(str(tmp_path / "bert"))).ref


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["full", "last-layer", "lora"])
def test_two_processes_learn_what_one_does(started, tmp_path, mode):
    """The last batch has three texts, two and one of them, or one, so that a process has none."""
    checkpoint = encoder(tmp_path) if mode == "lora" else "starter"
    values = CONFIG | {"mode": mode, "checkpoint": checkpoint, "max_length": 64}
    values |= {"class_weights": "negative=3", "limit": 67 if mode == "full" else 65}
    values |= {"max_grad_norm": 0.0}  # which would hide a wrong scale
    runs = [tracking.create_run(FineTuneConfig(devices=count, **values)) for count in (1, 2)]
    (one, end), (two, end_of_two) = map(execute, runs)
    assert end.status == end_of_two.status == "finished", end_of_two.message
    assert len(started) == 2
    for first, second in zip(losses(one), losses(two), strict=True):
        assert first[:3] == second[:3]
        assert first[3] == pytest.approx(second[3], abs=1e-5)
    assert tracking.run(runs[1]).facts["devices"] == "2"
    history = tracking.history(runs[1])
    assert history["loss"].tolist() == pytest.approx(tracking.history(runs[0])["loss"], abs=1e-5)


@pytest.mark.slow
def test_a_killed_process_interrupts_the_run_which_resumes_bit_for_bit(started):
    """With word dropout: each process draws what it would have drawn."""
    config = FineTuneConfig(devices=2, **CONFIG | {"word_dropout": 0.3, "dropout": 0.1})
    whole, end = execute(tracking.create_run(config))
    assert end.status == "finished", end.message

    run_id = tracking.create_run(config)

    def kill(event):
        if isinstance(event, Resumable) and event.step == 5:
            os.kill(started[-1].pid, signal.SIGKILL)

    before, end = execute(run_id, kill)
    assert end.status == tracking.run(run_id).status == "interrupted"
    assert "Process 2 of this run ended unexpectedly (SIGKILL)." in end.message
    assert end.message.endswith("The run can be resumed.")
    assert all(process.poll() is not None for process in started)

    request = EndRequest()

    def pause(event):
        if isinstance(event, Step) and event.step >= 7:
            request.action = "pause"

    middle, end = execute(run_id, pause, request)
    assert end.status == "paused"
    after, end = execute(run_id)
    assert end.status == "finished"
    known = dict((point[:2], point) for point in losses([*before, *middle, *after]))
    assert list(known.values()) == losses(whole)


def test_devices_and_cores_that_are_not_there_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(devices, "_cores", lambda: 2)
    check_config(FineTuneConfig(devices=2, device="cpu"))
    with pytest.raises(UsageError, match="2 CPU cores for a run: choose 2 devices or fewer"):
        check_config(FineTuneConfig(devices=3, device="cpu"))
    check_config(FineTuneConfig(threads=2))
    with pytest.raises(UsageError, match=r"2 CPU cores.*choose 2 threads or fewer"):
        check_config(FineTuneConfig(threads=3))
    with pytest.raises(UsageError, match="give the epochs or steps"):
        check_config(FineTuneConfig(devices=2, device="cpu", minutes=1))
    with pytest.raises(UsageError, match="no text for each of 2 devices"):
        check_config(FineTuneConfig(devices=2, device="cpu", batch_size=1))
