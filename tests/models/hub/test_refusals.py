"""What the Hub, the network or the disk refuses is explained in one sentence."""

import dataclasses
import errno
import logging
import os
import re
import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import save_file

from ftcore.errors import UnfreezeError
from ftcore.events import Noted, drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoints, hub
from tests.helpers import small_encoders
from tests.helpers.hub_model import FILES, NAME, NEEDED, TOKEN, contents, fetch


@pytest.fixture(params=["offline", "no network", "down", "silent", "sign-in page"])
def unreachable(request, server, monkeypatch):
    """Make the Hub unreachable when called."""

    def apply():
        match request.param:
            case "offline":
                monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
            case "no network":
                closed = socket.socket()
                closed.bind(("127.0.0.1", 0))  # does not listen
                request.addfinalizer(closed.close)
                url = f"http://127.0.0.1:{closed.getsockname()[1]}"
                monkeypatch.setattr(constants, "ENDPOINT", url)
            case "down":
                server.answers = [(503, {})] * 99
                server.page = "Geschützt".encode("latin-1")
            case "sign-in page":
                server.describes = False
            case "silent":
                silent = socket.create_server(("127.0.0.1", 0))
                request.addfinalizer(silent.close)
                monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.1)
                url = f"http://127.0.0.1:{silent.getsockname()[1]}"
                monkeypatch.setattr(constants, "ENDPOINT", url)

    return apply


def test_a_model_is_found_again_without_the_hub(server, unreachable):
    old = server.publish(NAME, FILES, license="apache-2.0", language="en")
    folder, _ = fetch()
    online = hub.describe(NAME)
    new = server.publish(NAME, {**FILES, "vocab.txt": b"other"})
    fetch()
    unreachable()
    for revision, commit in (("", new), ("main", new), (new, new), (old, old)):
        model = hub.describe(NAME, revision)
        assert model.cached and model.revision == commit and model.download == 0
        assert drain(hub.fetch(model)).name == commit
    offline = hub.describe(NAME, old)
    assert offline == dataclasses.replace(online, branch=old, cached=True)
    assert drain(hub.fetch(offline)) == folder


def test_a_model_that_is_not_here_whole_is_reported_without_the_hub(server, unreachable):
    server.publish(NAME, FILES)
    server.breaks_after = 100_000
    with pytest.raises(UnfreezeError):
        fetch()
    unreachable()
    out = "choose a model that is on this machine|check the network and HF_ENDPOINT"
    with pytest.raises(UnfreezeError, match=out):
        hub.describe(NAME)


@pytest.mark.slow
def test_a_revision_that_moved_is_reported_and_either_commit_can_be_had(server, tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small")
    old = server.publish(NAME, folder)
    events = []
    first = drain(huggingface.import_encoder(NAME), events.append)
    [told] = [place for place, event in enumerate(events) if isinstance(event, Noted)]
    assert re.fullmatch(rf"{NAME}: [\d.]+ .B to download, licence .*\.", events[told].note)
    downloads = [
        place for place, event in enumerate(events) if getattr(event, "phase", "") == "downloading"
    ]
    assert told < min(downloads), "it is told before the first byte"
    (folder / "README.md").write_text("New.")
    weights = small_encoders.hf_model("bert").base_model.state_dict()
    save_file({name: weight + 1 for name, weight in weights.items()}, folder / "model.safetensors")
    new = server.publish(NAME, folder)
    moved = f"^{NAME} at main has moved from {old}, .* tiny-bert, to {new}: give one of the two as"
    with pytest.raises(UnfreezeError, match=moved):
        drain(huggingface.import_encoder(NAME))
    assert [each.ref for each in checkpoints.list_checkpoints() if each.kind == "imported"] == [
        first.ref
    ]
    assert drain(huggingface.import_encoder(NAME, revision=old)) == first
    second = drain(huggingface.import_encoder(NAME, revision=new))
    assert second.ref != first.ref and second.weights_fingerprint != first.weights_fingerprint
    assert drain(huggingface.import_encoder(NAME)) == second


@pytest.mark.parametrize(
    "name", ["a/b/c", "", "a b", "../up", "a/", "/a", "a--b", "a\nb", "https://huggingface.co/a/b"]
)
def test_an_invalid_name_is_reported(server, name):
    with pytest.raises(
        UnfreezeError, match="is not the name of a model on the Hub: give one such as"
    ):
        hub.describe(name)
    assert server.requests == []


@pytest.mark.parametrize("revision", ["../../x", "a b", "/etc", "-x", "main\n", "x" * 300])
def test_an_invalid_revision_is_reported(server, revision):
    with pytest.raises(UnfreezeError, match="is not a revision: give a branch, a tag or a commit"):
        hub.describe(NAME, revision)
    assert server.requests == []


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("config.json", "has no config.json, so it is not a model of transformers"),
        ("model.safetensors", r"has no model.safetensors \(only pytorch_model.bin, which"),
    ],
)
def test_a_model_without_what_is_needed_is_reported(server, removed, message):
    server.publish(NAME, {name: data for name, data in FILES.items() if name != removed})
    with pytest.raises(UnfreezeError, match=message):
        hub.describe(NAME)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, {"X-Error-Code": "RepoNotFound"}), "has no model .*, or it is private"),
        ((404, {}), "has no model .*, or it is private"),
        ((401, {}), "or set HF_TOKEN|set HF_TOKEN"),
        ((403, {}), "denies access to .*: set HF_TOKEN"),
        ((403, {"X-Error-Message": "Access to this resource is disabled."}), "has been disabled"),
        ((404, {"X-Error-Code": "RevisionNotFound"}), "has no revision .*: give another one"),
        ((401, {"X-Error-Code": "GatedRepo"}), "accept them at 127.0.0.1/someone/tiny-bert, then"),
        ((429, {"Retry-After": "300"}), "limits the number of requests: try again in 5 min"),
        (
            (429, {"RateLimit": '"api";r=0;t=55'}),
            "limits the number of requests: try again in 55 s",
        ),
        ((429, {}), "limits the number of requests: try again later"),
        ((500, {}), "answers 500 Internal Server Error: try again later"),
        ((418, {}), "answers 418 .*: check the network and HF_ENDPOINT"),
        ((302, {"Location": "http://127.0.0.1:1/"}), "No connection to 127.0.0.1"),
    ],
)
@pytest.mark.parametrize("step", ["describe", "fetch"])
def test_refusals_are_explained_and_no_token_is_shown(
    server, monkeypatch, caplog, step, answer, message
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    server.publish(NAME, FILES)
    model = hub.describe(NAME)
    server.answers = [answer] * 9
    with pytest.raises(UnfreezeError, match=message) as raised:
        hub.describe(NAME) if step == "describe" else drain(hub.fetch(model))
    assert "\n" not in str(raised.value) and TOKEN not in str(raised.value)
    assert TOKEN not in caplog.text and TOKEN not in repr(model)


@pytest.mark.parametrize("answer", [(503, {}), (429, {"Retry-After": "0"}), (408, {})])
def test_a_busy_hub_is_asked_again(server, answer):
    server.publish(NAME, FILES)
    model = hub.describe(NAME)
    server.answers = [answer, answer, None, answer]
    server.page = "Geschützt".encode("latin-1")
    assert contents(drain(hub.fetch(model))) == {name: FILES[name] for name in NEEDED}


def test_a_private_model_needs_the_token(server, monkeypatch):
    server.publish(NAME, FILES)
    server.token = TOKEN
    with pytest.raises(UnfreezeError, match="or it is private: check the name, or set HF_TOKEN"):
        fetch()
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(
        UnfreezeError, match="does not accept the token: set HF_TOKEN to a valid one"
    ):
        fetch()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    server.tokens.clear()
    fetch()
    stored = [token for path, token in server.tokens if path.startswith("storage/")]
    assert stored == [""]  # another host never sees the token
    assert {token for path, token in server.tokens if "storage/" not in path} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("token", ["hf_sécret", "hf_se\x00cret", "hf_se\tcret\x7f"])
def test_a_token_that_cannot_be_sent_is_not_shown(server, monkeypatch, token):
    server.publish(NAME, FILES)
    model = hub.describe(NAME)
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: token)
    for attempt in (lambda: hub.describe(NAME), lambda: drain(hub.fetch(model))):
        try:
            attempt()
        except UnfreezeError as error:
            assert (
                str(error)
                == "HF_TOKEN contains a character that no token has: correct it, or unset it."
            )
            assert error.__suppress_context__


def test_gated_files_are_explained(server):
    server.publish(NAME, FILES)
    server.gated = {NAME}
    with pytest.raises(
        UnfreezeError, match=r"accept them at 127\.0\.0\.1/someone/tiny-bert, then set"
    ):
        fetch()


def test_a_commit_that_is_gone_is_explained(server):
    sha = server.publish(NAME, FILES, branch="old")
    server.delete(NAME, "old")
    with pytest.raises(UnfreezeError, match=f"has no revision {sha} "):
        hub.describe(NAME, sha)


def test_another_site_is_recognized(server):
    server.publish(NAME, FILES)
    server.describes = False
    with pytest.raises(UnfreezeError, match="does not answer like the Hugging Face Hub: check"):
        hub.describe(NAME)


@pytest.mark.parametrize(
    "endpoint", ["hub.local", "ftp://hub.local", "http://", "http://a:b:c", "http://[::1"]
)
def test_an_invalid_endpoint_is_explained(monkeypatch, endpoint):
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    with pytest.raises(UnfreezeError, match=r"HF_ENDPOINT is not an address|No connection"):
        hub.describe(NAME)


def test_a_full_disk_is_reported(server, monkeypatch):
    server.publish(NAME, FILES)
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        with pytest.raises(
            UnfreezeError, match=r"needs 1\.2 MB more .* has 1\.0 MB free: free some"
        ):
            fetch()
    assert server.sent == 0

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "touch", fail)
    with pytest.raises(
        UnfreezeError, match=r"disk is full at .*: free some space, then start again"
    ):
        fetch()


def test_a_cache_that_cannot_be_written_is_reported(server, tmp_path, monkeypatch):
    server.publish(NAME, FILES)
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(
        UnfreezeError, match=r"cannot be used \(.*\): set HF_HOME to another folder"
    ):
        fetch()
