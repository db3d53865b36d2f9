"""The suggestion of the Hub: asked in a thread, for those who have no encoder yet."""

import threading

import pytest
from huggingface_hub import constants

from ftcore.events import drain
from ftcore.exchange.huggingface import import_encoder
from ftcore.models import checkpoints, hub, hub_offer
from tests.helpers import small_encoders


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch):
    monkeypatch.setattr(hub_offer, "_asked", None)


@pytest.fixture
def hub_answers(monkeypatch):
    """Let the Hub answer once the event is set; the names that it was asked for."""
    event, asked = threading.Event(), []

    def describe(name, revision):
        asked.append(name)
        assert event.wait(10)
        return name

    monkeypatch.setattr(hub, "describe", describe)
    return event, asked


def wait():
    """Wait for the thread that asks."""
    hub_offer._asked[1].result(10)


def test_suggestion_comes_once_the_hub_has_answered_and_is_asked_for_once(hub_answers):
    event, asked = hub_answers
    assert hub_offer.first_suggestion([]) is None and hub_offer.is_awaited()
    event.set()
    wait()
    assert not hub_offer.is_awaited()
    assert [hub_offer.first_suggestion([]) for _ in range(2)] == asked * 2
    assert asked == ["sentence-transformers/all-MiniLM-L6-v2"]


def test_without_a_network_the_hub_is_asked_again_later(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # refuses the connection
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert hub_offer.first_suggestion([]) is None
    wait()
    first = hub_offer._asked
    assert hub_offer.first_suggestion([]) is None and hub_offer._asked is first
    monkeypatch.setattr(hub_offer, "ASK_AGAIN", -1.0)
    monkeypatch.setattr(hub, "describe", lambda name, revision: name)
    hub_offer.first_suggestion([])
    wait()
    assert hub_offer.first_suggestion([])


def test_nobody_is_asked_where_there_is_an_encoder(tmp_path, hub_answers):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small"))))
    assert hub_offer.first_suggestion(checkpoints.list_checkpoints()) is None
    assert not hub_offer.is_awaited() and hub_answers[1] == []
