"""The storage that machines share: what arrives is what was sent, or nothing."""

import pytest

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.storage import shared


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """The folder of the storage."""
    folder = tmp_path / "storage"
    monkeypatch.setenv("UNFREEZE_STORAGE", folder.as_uri())
    return folder


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "parts" / "weights").write_bytes(bytes(3_000_000))
    (folder / ".ready").write_text("not yet a part of it")
    return folder


def stored(folder):
    return {path.name: path for path in folder.rglob("*") if path.is_file()}


def send(name, path):
    tree = drain(shared.send(name, path))
    shared.commit(name, tree)
    return tree


def test_a_folder_arrives_as_it_was_without_hidden_files(storage, model, tmp_path):
    tree = send("data/model", model)
    assert shared.find("data/model") == tree and shared.find("data/other") is None
    drain(shared.fetch("data/model", tree, tmp_path / "there"))
    assert shared.tree_of(tmp_path / "there" / "model") == tree
    assert not (tmp_path / "there" / "model" / ".ready").exists()


def test_only_what_changed_is_sent_again_and_what_nobody_names_is_deleted(storage, model):
    first = send("runs/a", model)
    (model / "config.json").write_text('{"title": "new"}')
    sent = [event for event in shared.send("runs/a", model) if isinstance(event, Progress)]
    assert [event.done for event in sent] == [16]  # bytes, of that file alone
    assert shared.find("runs/a") == first  # until it is committed
    second = send("runs/a", model)
    assert stored(storage).keys() == {shared.LIST, *(sha for sha, _ in second.files.values())}


@pytest.mark.parametrize("fault", ["tampered", "cut short", "gone"])
def test_a_file_that_is_not_what_was_sent_is_refused(fault, storage, model, tmp_path):
    tree = send("data/model", model)
    [file] = [path for name, path in stored(storage).items() if path.stat().st_size == 3_000_000]
    if fault == "gone":
        file.unlink()
    else:
        file.write_bytes(bytes(2_999_999) + (b"\1" if fault == "tampered" else b""))
    with pytest.raises(shared.DamagedTree, match="model/parts/weights of data/model is missing"):
        drain(shared.fetch("data/model", tree, tmp_path / "there"))


def test_a_list_that_leads_out_of_the_folder_is_refused(storage, model):
    send("data/model", model)
    shared.write(f"data/model/{shared.LIST}", b'{"../../.bashrc": ["00", 1]}')
    with pytest.raises(shared.DamagedTree):
        shared.find("data/model")


@pytest.mark.parametrize(
    "uri, sentence",
    [
        ("nonsense", "UNFREEZE_STORAGE is 'nonsense', which cannot be used"),
        ("s3://", "it names no folder or bucket"),
        pytest.param(
            "s3://me:secret@lab/x?endpoint_override=127.0.0.1:9&scheme=http&region=x",
            r"The storage s3://lab/x cannot be used \(When",
            marks=pytest.mark.slow,  # the AWS library tries for six seconds
        ),
        ("file:///proc/none", "The storage file:///proc/none cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_used_gives_one_sentence_without_secrets(
    uri, sentence, model, monkeypatch
):
    monkeypatch.setenv("UNFREEZE_STORAGE", uri)
    with pytest.raises(UnfreezeError, match=sentence) as error:
        send("data/model", model)
    assert "secret" not in str(error.value)
