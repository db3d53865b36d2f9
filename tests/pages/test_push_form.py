"""Pushing from the page: by a token that is typed, private unless it is unchecked, and kept nowhere."""

import logging

import pytest
from huggingface_hub import constants
from streamlit.testing.v1 import AppTest

from ftcore.exchange import formats, huggingface_export
from tests.helpers import hub_model
from tests.helpers.hub_server import HubServer, hub_client
from tests.helpers.waiting import PATIENCE

NAME, TOKEN = "someone/fine-tuned", hub_model.TOKEN


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that lets the token write, and an export that takes no time."""

    def write(ref, target):
        yield from ()
        target.mkdir()
        (target / "README.md").write_text("A model.")
        return target

    monkeypatch.setattr(formats, "check", lambda *_: None)
    monkeypatch.setattr(huggingface_export, "write", write)
    with HubServer() as server, hub_client(server, tmp_path, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        server.writers.add(TOKEN)
        yield server


def form() -> None:
    from ftcore.models import checkpoints
    from pages.components.forms.push_form import push_form

    push_form(checkpoints.find("starter"))


def test_a_typed_token_pushes_and_is_kept_nowhere(hub, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    app = AppTest.from_function(form, default_timeout=PATIENCE).run()
    app.text_input(key="push_name").set_value(NAME)
    app.text_input(key="push_token").set_value(TOKEN)
    app = app.button[0].click().run()
    assert not app.exception and not app.error
    assert app.success[0].value == f"Pushed to {hub.url}/{NAME}"
    assert hub.private == {NAME} and "README.md" in hub._files_of(NAME)
    assert not app.query_params and TOKEN not in caplog.text
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(TOKEN.encode() in file.read_bytes() for file in kept)


def test_without_a_token_it_says_what_to_do(hub):
    app = AppTest.from_function(form, default_timeout=PATIENCE).run()
    app.text_input(key="push_name").set_value(NAME)
    app.checkbox(key="push_private").uncheck()
    app = app.button[0].click().run()
    assert "There is no token for the Hub" in app.error[0].value
    assert not any("/commit/" in request for request in hub.requests)
    app.text_input(key="push_token").set_value("a wrong one")
    app = app.button[0].click().run()
    assert "does not let this token write" in app.error[0].value and not hub.private
    assert "a wrong one" not in app.error[0].value
