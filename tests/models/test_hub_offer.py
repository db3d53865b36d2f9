"""The suggestion of the Hub: asked in a thread, for those who have no encoder yet."""

import threading

import pytest
from huggingface_hub import constants

from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange.huggingface import import_encoder
from ftcore.models import checkpoints, hub, hub_offer
from ftcore.models.hub_cache import HubModel
from tests.helpers import hub_model, small_encoders
from tests.helpers.hub_server import HubServer, hub_client
from tests.helpers.waiting import PATIENCE


def model(name, **more):
    return HubModel(name, "0" * 40, "main", (), **more)


@pytest.fixture
def hub_answers(monkeypatch):
    """Let the Hub answer once the event is set; the names that it was asked for."""
    event, asked = threading.Event(), []

    def describe(name, revision):
        asked.append(name)
        assert event.wait(PATIENCE)
        return model(name)

    monkeypatch.setattr(hub, "describe", describe)
    return event, asked


def question():
    [asked] = hub_offer._asked.values()
    return asked


def wait():
    """Wait for the thread that asks."""
    question().answer.result(PATIENCE)


def test_suggestion_comes_once_the_hub_has_answered_and_is_asked_for_once(hub_answers):
    event, asked = hub_answers
    assert hub_offer.first_suggestion([]) is None and hub_offer.is_awaited()
    event.set()
    wait()
    assert not hub_offer.is_awaited()
    assert [hub_offer.first_suggestion([]).name for _ in range(2)] == asked * 2
    assert asked == ["sentence-transformers/all-MiniLM-L6-v2"]


def test_without_a_network_the_hub_is_asked_again_later(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # refuses the connection
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert hub_offer.first_suggestion([]) is None
    wait()
    first = question()
    assert hub_offer.first_suggestion([]) is None and question() is first
    monkeypatch.setattr(hub_offer, "ASK_AGAIN", -1.0)
    monkeypatch.setattr(hub, "describe", lambda name, revision: model(name))
    hub_offer.first_suggestion([])
    wait()
    assert hub_offer.first_suggestion([])


def test_nobody_is_asked_where_there_is_an_encoder(tmp_path, hub_answers):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small"))))
    assert hub_offer.first_suggestion(checkpoints.list_checkpoints()) is None
    assert not hub_offer.is_awaited() and hub_answers[1] == []


def test_any_name_is_described_before_its_download_or_why_it_cannot_be_had(tmp_path, monkeypatch):
    with HubServer() as server, hub_client(server, tmp_path, monkeypatch):
        server.publish(hub_model.NAME, hub_model.FILES, license="apache-2.0", language="en")
        assert hub_offer.described(hub_model.NAME) is None
        wait()
        found = hub_offer.described(hub_model.NAME)
        told = ["1.2 MB to download", "licence apache-2.0", "300,000 parameters", "en"]
        assert hub_offer.facts(found) == told
        assert not [request for request in server.requests if "resolve" in request]
        hub_offer._asked.clear()
        hub_offer.described("someone/nothing")
        wait()
        missing = hub_offer.described("someone/nothing")
        assert isinstance(missing, UnfreezeError) and "has no model someone/nothing" in str(missing)
    assert hub_offer.facts(model("a/b")) == ["on this machine", "licence not stated"]


def test_only_the_last_names_are_remembered(hub_answers, monkeypatch):
    monkeypatch.setattr(hub_offer, "MOST_ASKED", 2)
    for name in ("a/a", "a/b", "a/c"):
        hub_offer.described(name)
    assert [name for name, _ in hub_offer._asked] == ["a/b", "a/c"]
    hub_answers[0].set()
