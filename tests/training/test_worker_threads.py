"""Halves of a batch that two threads compute at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from ftcore.events import Step, drain
from ftcore.training import loop, objective, preparation, row_classifier, worker_threads
from ftcore.training.state import TrainingState
from tests.helpers import small_runs
from tests.helpers.waiting import PATIENCE

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def trained(tmp_path, monkeypatch, halves):
    """The steps of a run, its weights, and the threads in which its training batches were computed."""
    monkeypatch.setattr(worker_threads, "useful", lambda device: halves)
    threads = set()
    loss = objective.of_batch

    def noted_loss(*arguments):
        if torch.is_grad_enabled():
            threads.add(threading.current_thread())
        return loss(*arguments)

    monkeypatch.setattr(objective, "of_batch", noted_loss)
    fixed = {"precision": "fp32", "optimizer": "sgd", "learning_rate": 0.1}
    config = small_runs.config(word_dropout=0.0, **fixed)
    setup = drain(preparation.prepare(config, tmp_path / "checkpoint", "a-run"))
    state = TrainingState.begin(setup)
    steps = [event for event in loop.train(setup, state) if isinstance(event, Step)]
    monkeypatch.setattr(objective, "of_batch", loss)
    return steps, state.model.state_dict(), threads - {threading.main_thread()}


def test_halves_learn_what_the_whole_batch_does_and_always_the_same(tmp_path, monkeypatch):
    small_runs.small_sample(monkeypatch)
    steps, weights, threads = trained(tmp_path, monkeypatch, halves=True)
    again_steps, again, _ = trained(tmp_path, monkeypatch, halves=True)
    whole_steps, whole, no_threads = trained(tmp_path, monkeypatch, halves=False)
    assert len(threads) == 2 and not no_threads
    assert [step.loss for step in steps] == [step.loss for step in again_steps]
    assert [step.loss for step in steps] == pytest.approx([step.loss for step in whole_steps], 1e-4)
    for name, weight in weights.items():
        assert torch.equal(weight, again[name])
        torch.testing.assert_close(weight, whole[name], atol=1e-5, rtol=1e-4)


def test_a_model_that_draws_random_numbers_is_trained_in_one_thread(tmp_path, monkeypatch):
    small_runs.small_sample(monkeypatch)
    config = small_runs.config(word_dropout=0.1)
    setup = drain(preparation.prepare(config, Path(tmp_path), "a-run"))
    arguments = setup.model, setup.train, config.truncation, "fp32"
    assert not row_classifier.whole_model(*arguments).halves


def test_other_threads_keep_all_cores():
    with worker_threads.side_by_side(True) as side_by_side:
        shares = list(side_by_side(lambda _: torch.get_num_threads(), range(8)))
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 2
    assert shares == [1] * 8
    assert torch.get_num_threads() == 2


def test_an_error_in_one_half_waits_for_the_other():
    begun, ended = threading.Event(), threading.Event()

    def half(number):
        if number == 0:
            begun.wait(PATIENCE)
            raise MemoryError
        begun.set()
        torch.ones(500, 500) @ torch.ones(500, 500)
        ended.set()

    with worker_threads.side_by_side(True) as side_by_side:
        with pytest.raises(MemoryError):
            list(side_by_side(half, [0, 1]))
        assert ended.is_set()
