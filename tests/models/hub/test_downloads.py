"""Models of the Hub come down through the real client: described, fetched, resumed, found again."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Stop, drain
from ftcore.models import hub
from ftcore.storage import hub_transfer
from tests.helpers.hub_model import (
    FILES,
    NAME,
    NEEDED,
    README,
    TOKEN,
    WEIGHTS,
    contents,
    fetch,
    parts,
)


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
