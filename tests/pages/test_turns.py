"""Scripts of pages, which take turns."""

import threading
from contextlib import contextmanager

import pytest
from streamlit.runtime.scriptrunner import script_runner

from pages.components.shell import turns
from tests.helpers.app_pages import open_page
from tests.helpers.waiting import PATIENCE, wait_for


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr(turns, "TURN_SECONDS", PATIENCE)
    return turns.Turns()


def test_threads_go_on_one_after_the_other_in_the_order_in_which_they_came(queue):
    began: list[int] = []
    ended: list[int] = []

    def compute(number: int) -> None:
        with queue.turn():
            assert began == ended
            began.append(number)
            ended.append(number)

    threads = [threading.Thread(target=compute, args=(number,)) for number in range(4)]
    with queue.turn():
        for number, thread in enumerate(threads, 1):
            thread.start()
            wait_for(lambda number=number: len(queue._waiting) == number)
        assert not began
    for thread in threads:
        thread.join(PATIENCE)
    assert began == ended == [0, 1, 2, 3]


def test_a_slow_script_holds_nobody_up_and_a_failed_one_passes_its_turn_on(queue, monkeypatch):
    with pytest.raises(KeyError), queue.turn():
        raise KeyError
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    passed = threading.Event()

    def compute() -> None:
        with queue.turn():
            passed.set()

    with queue.turn():
        thread = threading.Thread(target=compute)
        thread.start()
        assert passed.wait(PATIENCE)
        thread.join(PATIENCE)
    with queue.turn():
        assert not queue._waiting


def test_streamlit_runs_the_script_of_a_page_in_a_turn(small_checkpoints, monkeypatch):
    taken = []

    @contextmanager
    def turn(self):
        taken.append(self)
        yield

    name = "exec_func_with_error_handling"
    monkeypatch.setattr(script_runner, name, getattr(script_runner, name))
    monkeypatch.setattr(turns.Turns, "turn", turn)
    turns.install.__wrapped__()
    app = open_page("label")
    assert not app.exception and taken
    before = list(taken)  # of the dashboard, too, if a test has imported it
    app.run()
    assert taken == before * 2
