"""Models of the Hub, through the real client, from a server on 127.0.0.1."""

import contextlib
import dataclasses
import errno
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Stop, drain
from ftcore.models import hub, hub_transfer
from tests.helpers.hub_server import HubServer

NAME = "someone/tiny-bert"
TOKEN = "hf_secretsecretsecret"
README = "---\nlicense: apache-2.0\nlanguage:\n- en\n---\nA model.\n"
WEIGHTS = np.random.default_rng(0).standard_normal((600, 500), dtype="float32")  # 1.2 MB
NEEDED = [
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "tokenizer_config.json",
    "README.md",
    "model.safetensors",
]
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": save({"embeddings": WEIGHTS}),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"do_lower_case": true}',
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "README.md": README.encode(),
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
    "onnx/model.onnx": b"onnx",
    "model.fp16.safetensors": b"other weights",
}


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


def fetch(name=NAME, revision="", **options):
    """Return the folder of a model and the events of its download."""
    events = []
    return drain(hub.fetch(hub.describe(name, revision, **options)), events.append), events


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parts():
    return list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))


def test_describe_says_what_a_name_stands_for(server):
    sha = server.publish(NAME, FILES, license="apache-2.0", language=["en", "de"])
    model = hub.describe(NAME)
    assert (model.name, model.revision, model.branch) == (NAME, sha, "main")
    assert [file.name for file in model.files] == NEEDED
    assert model.size == model.download == sum(len(FILES[name]) for name in NEEDED)
    assert (model.model_type, model.license, model.languages) == (
        "bert",
        "apache-2.0",
        ("en", "de"),
    )
    assert model.parameters == WEIGHTS.size
    assert [bool(file.sha256) for file in model.files] == [False] * 5 + [True]
    assert server.requests == [f"GET api/models/{NAME}"]


@pytest.mark.parametrize(
    ("card", "license", "languages"),
    [
        ({}, "", ()),
        ({"license": "other", "license_name": "own", "language": "en"}, "own", ("en",)),
        ({"license": ["mit", "apache-2.0"], "language": None}, "", ()),
    ],
)
def test_a_card_may_be_incomplete(server, card, license, languages):
    server.publish(NAME, FILES, **card)
    model = hub.describe(NAME)
    assert (model.license, model.languages) == (license, languages)


def test_fetch_puts_the_needed_files_where_every_tool_finds_them(server):
    sha = server.publish(NAME, FILES)
    folder, events = fetch()
    assert contents(folder) == {name: FILES[name] for name in NEEDED}
    total = sum(len(FILES[name]) for name in NEEDED)
    assert events[0] == Progress("downloading", 0, total, "bytes")
    assert events[-1] == Progress("downloading", total, total, "bytes")
    done = [event.done for event in events]
    assert done == sorted(done)
    assert parts() == []
    offline = {"local_files_only": True, "cache_dir": constants.HF_HUB_CACHE}
    for revision in (None, sha):
        path = huggingface_hub.hf_hub_download(
            NAME, "model.safetensors", revision=revision, **offline
        )
        assert Path(path) == folder / "model.safetensors"
    report = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE)
    assert [repo.repo_id for repo in report.repos] == [NAME] and not report.warnings
    server.requests.clear()
    assert fetch(revision=sha) == (folder, [])
    assert server.requests == []


def test_files_of_another_tool_are_not_downloaded_again(server):
    server.publish(NAME, FILES)
    for name in NEEDED:
        huggingface_hub.hf_hub_download(NAME, name, cache_dir=constants.HF_HUB_CACHE)
    assert hub.describe(NAME).download == 0
    server.sent = 0
    assert contents(fetch()[0]).keys() == set(NEEDED)
    assert server.sent == 0


def test_what_another_tool_left_out_is_completed(server):
    sha = server.publish(NAME, FILES)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        cache = constants.HF_HUB_CACHE
        huggingface_hub.hf_hub_download(NAME, name, revision=sha, cache_dir=cache)
    assert contents(fetch(revision=sha)[0]).keys() == set(NEEDED)


def test_a_branch_is_found_again_if_its_commit_was_fetched_before(server, monkeypatch):
    sha = server.publish(NAME, FILES)
    fetch(revision=sha)
    folder, _ = fetch(revision="main")
    assert fetch(revision="main") == (folder, [])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.describe(NAME, "main").revision == sha


def test_a_model_deleted_from_the_cache_is_reported(server):
    sha = server.publish(NAME, FILES)
    folder, _ = fetch()
    model = hub.describe(NAME, sha)
    shutil.rmtree(folder)
    with pytest.raises(UnfreezeError, match="is no longer on this machine: choose it again"):
        drain(hub.fetch(model))
    assert contents(fetch()[0]).keys() == set(NEEDED)


def test_a_revision_shares_files_with_another(server):
    server.publish(NAME, FILES)
    old, _ = fetch()
    server.publish(NAME, {**FILES, "README.md": b"New."})
    server.sent = 0
    new, _ = fetch()
    assert server.sent == len(b"New.")
    assert (contents(old)["README.md"], contents(new)["README.md"]) == (README.encode(), b"New.")


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/1"])
def test_a_branch_or_commit_can_be_named(server, revision):
    first = server.publish(NAME, FILES, branch=revision)
    server.publish(NAME, {**FILES, "vocab.txt": b"other"})
    for name in (revision, first, first[:9]):
        model = hub.describe(NAME, name)
        assert (model.revision, model.branch) == (first, name)
        assert contents(drain(hub.fetch(model)))["vocab.txt"] == FILES["vocab.txt"]


def test_shards_are_fetched_with_their_index(server):
    shards = {f"model-0000{n}-of-00002.safetensors": save({str(n): WEIGHTS[:n]}) for n in (1, 2)}
    index = {"weight_map": {str(n): f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}}
    small = {name: FILES[name] for name in ("config.json", "vocab.txt", "tokenizer_config.json")}
    sharded = {**small, **shards, "model.safetensors.index.json": json.dumps(index).encode()}
    sha = server.publish(NAME, sharded)
    folder, _ = fetch()
    assert contents(folder) == sharded
    assert hub.describe(NAME, sha).parameters == 3 * 500
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert not hub.describe(NAME, sha).cached


def test_an_interrupted_download_is_resumed_at_once(server):
    server.publish(NAME, FILES)
    server.breaks_after = 500_000
    folder, _ = fetch()
    assert contents(folder) == {name: FILES[name] for name in NEEDED}
    assert server.sent == sum(len(FILES[name]) for name in NEEDED)


def test_a_download_that_keeps_breaking_is_resumed_later(server):
    server.publish(NAME, FILES)
    server.breaks_after = 100_000
    with pytest.raises(UnfreezeError, match="localhost was interrupted: start it again to resume"):
        fetch()
    [part] = parts()
    arrived = part.stat().st_size
    assert 0 < arrived < len(FILES["model.safetensors"])
    server.breaks_after, server.sent = None, 0
    assert hub.describe(NAME).download == len(FILES["model.safetensors"]) - arrived
    folder, events = fetch()
    assert server.sent == len(FILES["model.safetensors"]) - arrived
    assert events[0].done == hub.describe(NAME).size - server.sent
    assert contents(folder)["model.safetensors"] == FILES["model.safetensors"]


def test_a_server_without_ranges_sends_the_whole_file_again(server):
    server.publish(NAME, FILES)
    server.breaks_after = 100_000
    with pytest.raises(UnfreezeError, match="interrupted"):
        fetch()
    server.breaks_after, server.ranges = None, False
    assert contents(fetch()[0])["model.safetensors"] == FILES["model.safetensors"]


@pytest.mark.parametrize("end", [lambda task: task.close(), lambda task: task.throw(Stop())])
def test_a_cancelled_download_keeps_its_part(server, end):
    server.publish(NAME, FILES)
    server.delay = 0.02
    task = hub.fetch(hub.describe(NAME))
    while next(task).done < 300_000:
        pass
    with contextlib.suppress(Stop):
        end(task)
    [part] = parts()
    assert 0 < part.stat().st_size < len(FILES["model.safetensors"])
    server.delay = 0
    model = hub.describe(NAME)
    arrived = model.size - model.download
    folder, events = fetch()
    assert events[0].done == arrived > 200_000
    assert contents(folder) == {name: FILES[name] for name in NEEDED}


def test_a_wait_between_attempts_can_be_cancelled(server, monkeypatch):
    monkeypatch.setattr(hub_transfer, "FIRST_WAIT", 60)
    server.publish(NAME, FILES)
    model = hub.describe(NAME)
    server.answers = [(503, {})] * 9
    task = hub.fetch(model)
    assert next(task) == next(task) == Progress("downloading", 0, model.size, "bytes")
    with pytest.raises(Stop):
        task.throw(Stop())


def test_concurrent_downloads_wait_for_the_first(server):
    server.publish(NAME, FILES)
    server.delay = 0.01
    model = hub.describe(NAME)
    first, second = hub.fetch(model), hub.fetch(model)
    next(first)
    assert next(second) == Progress("waiting", 0, None)
    thread = threading.Thread(target=drain, args=(first,))
    thread.start()
    drain(second)
    thread.join()
    assert server.sent == model.size


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_damaged_content_is_deleted(server, name):
    server.publish(NAME, FILES)
    server.damaged = {name}
    with pytest.raises(UnfreezeError, match=r"arrived damaged .*: download it again") as raised:
        fetch()
    assert raised.value.args[0].count("\n") == 0
    assert parts() == [] and not hub.describe(NAME).cached
    server.damaged.clear()
    assert contents(fetch()[0])[name] == FILES[name]


@pytest.mark.parametrize("sent", [1_000, 2_000_000])
def test_content_of_another_size_is_deleted(server, sent):
    server.publish(NAME, FILES)
    model = hub.describe(NAME)
    weights = model.files[-1]
    server.files[f"storage/{weights.sha256}"] = b"0" * sent
    model.part(weights).parent.mkdir(parents=True)
    model.part(weights).write_bytes(b"0" * 1_000)
    with pytest.raises(UnfreezeError, match="download it again"):
        list(
            hub_transfer.download(
                f"{server.url}/storage/{weights.sha256}",
                model.part(weights),
                "The file",
                weights.size,
                weights.etag,
            )
        )


@pytest.mark.parametrize("named", ["commit", "branch"])
def test_a_truncated_file_in_the_cache_is_replaced(server, named):
    sha = server.publish(NAME, FILES)
    folder, _ = fetch()
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1_000)
    revision = sha if named == "commit" else ""
    assert hub.describe(NAME, revision).download == len(FILES["model.safetensors"])
    assert contents(fetch(revision=revision)[0])["model.safetensors"] == FILES["model.safetensors"]


def test_without_links_the_content_is_moved(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    sha = server.publish(NAME, FILES)
    folder, _ = fetch()
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert contents(folder) == {name: FILES[name] for name in NEEDED}
    assert hub.describe(NAME).download == 0
    assert fetch(revision=sha) == (folder, [])


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


def test_a_revision_that_moved_is_reported(server):
    old = server.publish(NAME, FILES)
    assert hub.describe(NAME, recorded=old).revision == old
    new = server.publish(NAME, {**FILES, "vocab.txt": b"other"})
    with pytest.raises(
        UnfreezeError, match=f"main has moved to {new}; it was {old}: give {old} as"
    ):
        hub.describe(NAME, "main", recorded=old)
    assert hub.describe(NAME, old, recorded=old).revision == old


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


@pytest.mark.slow
def test_the_environment_is_respected(server, tmp_path):
    """Of a process of its own, as huggingface_hub reads it once."""
    server.publish(NAME, FILES)
    server.token = TOKEN
    program = (
        "import sys; from ftcore.models import hub; from ftcore.events import drain\n"
        "assert not {'huggingface_hub', 'httpx2', 'torch', 'transformers'} & set(sys.modules)\n"
        f"print(drain(hub.fetch(hub.describe({NAME!r}))))\n"
        "assert not {'torch', 'transformers', 'hf_xet'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": f"{server.url}/", "HF_HOME": str(tmp_path / "home")}

    def run(**variables):
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, env={**environment, **variables}, capture_output=True, text=True
        )
        assert TOKEN not in done.stdout + done.stderr
        return done

    online = run(HF_TOKEN=TOKEN)
    assert contents(Path(online.stdout.strip())) == {name: FILES[name] for name in NEEDED}
    assert all(
        request.split()[1].startswith(("api/models", NAME, "storage"))
        for request in server.requests
    )
    server.requests.clear()
    assert run(HF_HUB_OFFLINE="1").stdout == online.stdout
    assert server.requests == []
    elsewhere = run(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "new"))
    assert "is not on this machine, or not all of it: unset HF_HUB_OFFLINE" in elsewhere.stderr


@pytest.mark.slow
def test_transformers_opens_a_fetched_model_by_its_name(server, tmp_path, monkeypatch):
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    sizes |= {"intermediate_size": 8, "vocab_size": 5}
    transformers.BertModel(transformers.BertConfig(**sizes)).save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    server.publish(NAME, tmp_path / "model")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    fetch()
    program = f"""
from transformers import AutoModel, AutoTokenizer
tokens = AutoTokenizer.from_pretrained({NAME!r})("?", return_tensors="pt")
print(*AutoModel.from_pretrained({NAME!r})(**tokens).last_hidden_state.shape)
"""
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout == "1 3 8\n", done.stderr
