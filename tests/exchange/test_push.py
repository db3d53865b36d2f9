"""Pushing to the Hub: one commit of all files, with a token that is written nowhere; what is refused."""

import pytest
from huggingface_hub import constants

from ftcore.cli.main import main
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.exchange import huggingface_export
from ftcore.models import hub_upload
from tests.helpers import hub_model
from tests.helpers.hub_server import HubServer, hub_client

NAME, TOKEN = "someone/fine-tuned", hub_model.TOKEN
FILES = {name: hub_model.FILES[name] for name in ("README.md", "config.json", "model.safetensors")}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub that lets the token write, on this machine."""
    with HubServer() as server, hub_client(server, tmp_path, monkeypatch):
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its storage is another service
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        server.writers.add(TOKEN)
        yield server


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    return path


def commits(hub):
    return sum("/commit/" in request for request in hub.requests)


def test_a_folder_becomes_a_private_model_in_one_commit(hub, folder):
    events = []
    url = drain(hub_upload.push(folder, NAME, private=True), events.append)
    assert url == f"{hub.url}/{NAME}" and hub.private == {NAME} and commits(hub) == 1
    assert hub._files_of(NAME) == FILES | {".gitattributes": b""}
    assert all(isinstance(event, Progress) for event in events)
    with pytest.raises(UnfreezeError, match=r"someone/fine-tuned is already on 127\.0\.0\.1"):
        drain(hub_upload.push(folder, NAME, private=False))
    assert commits(hub) == 1, "nothing was changed there"


def test_an_upload_that_failed_left_nothing_and_is_repeated(hub, folder):
    hub.answers += [None, None, None, None, None, (403, {})]  # the commit itself
    with pytest.raises(UnfreezeError, match="does not let this token write"):
        drain(hub_upload.push(folder, NAME, private=False))
    assert commits(hub) == 1 and hub._files_of(NAME) == {".gitattributes": b""}
    drain(hub_upload.push(folder, NAME, private=False))
    assert hub._files_of(NAME).keys() == {*FILES, ".gitattributes"}


def test_what_cannot_be_pushed_is_refused_before_the_export(hub, monkeypatch):
    for name in ("name", "a/b/c", "a b/c", "../x", ""):
        with pytest.raises(UnfreezeError, match="is named OWNER/NAME"):
            hub_upload.check(name)
    hub.publish("someone/there", FILES)
    with pytest.raises(UnfreezeError, match="someone/there is already on"):
        hub_upload.check("someone/there")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UnfreezeError, match="no token for the Hub: set HF_TOKEN"):
        hub_upload.check(NAME)


def scoped(*permissions):
    scope = {"entity": {"type": "user", "name": "someone"}, "permissions": [*permissions]}
    return {"role": "fineGrained", "fineGrained": {"scoped": [scope], "global": []}}


@pytest.mark.parametrize("access", [{"role": "read"}, scoped("repo.content.read"), scoped()])
def test_a_token_that_may_not_write_is_refused_before_the_export(hub, access):
    hub.access = access
    with pytest.raises(UnfreezeError, match="does not let this token write for someone"):
        drain(huggingface_export.push("not read yet", NAME, True))


def test_a_token_of_which_the_hub_does_not_say_that_it_may_not_write_is_tried(hub):
    for access in ({"role": "write"}, scoped("repo.content.read", "repo.write"), {}, "?"):
        hub.access = access
        hub_upload.check_permission(NAME)
    hub.answers += [(429, {})]
    hub_upload.check_permission(NAME)
    hub.answers += [(401, {})]
    with pytest.raises(UnfreezeError, match="does not accept the token"):
        hub_upload.check_permission(NAME)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "does not accept the token"),
        (403, "does not let this token write for someone: give one that may"),
        (500, "answers with status 500: push again later"),
    ],
)
def test_a_refusal_says_what_to_do_and_not_the_token(hub, folder, status, message):
    hub.answers += [None, (status, {"X-Error-Message": f"{TOKEN} is wrong"})]
    with pytest.raises(UnfreezeError, match=message) as refused:
        drain(hub_upload.push(folder, NAME, private=False))
    assert TOKEN not in str(refused.value) and refused.value.__cause__ is None


def test_options_of_a_push_that_do_not_fit_are_refused(capsys, tmp_path):
    for options, sentence in (
        (["x", "--push", NAME], "omit the target and --format"),
        (["--push", NAME, "--format", "onnx"], "omit the target and --format"),
        (["x", "--private"], "add --push, or omit --private"),
        ([], "Give a target, or a name on the Hub"),
    ):
        assert main(["export", "starter", *options]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["export", "starter", "--push", NAME]) == 1
    assert "Only encoders have a form that transformers opens" in capsys.readouterr().err
