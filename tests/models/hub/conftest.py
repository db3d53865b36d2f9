"""A Hub on 127.0.0.1, and the client that asks it."""

import huggingface_hub
import pytest
from huggingface_hub import constants

from ftcore.models import hub_transfer
from tests.helpers.hub_server import HubServer


@pytest.fixture
def server():
    with HubServer() as server:
        yield server


@pytest.fixture(autouse=True)
def client(server, tmp_path, monkeypatch):
    """The client's settings, which it reads from the environment when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub_transfer, "REPORT_EVERY", 0.01)
    monkeypatch.setattr(hub_transfer, "FIRST_WAIT", 0.01)
    yield
    huggingface_hub.close_session()
