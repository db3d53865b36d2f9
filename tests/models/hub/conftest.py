"""A Hub on 127.0.0.1, and the client that asks it."""

import pytest

from tests.helpers.hub_server import HubServer, hub_client


@pytest.fixture
def server():
    with HubServer() as server:
        yield server


@pytest.fixture(autouse=True)
def client(server, tmp_path, monkeypatch):
    with hub_client(server, tmp_path, monkeypatch):
        yield
