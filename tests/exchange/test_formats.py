"""The table of export formats: what is written is whole, and nothing is replaced."""

import zipfile
from dataclasses import replace

import pytest

from ftcore import paths
from ftcore.cli.main import main
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.exchange import formats
from ftcore.models import checkpoint_files, checkpoints
from tests.helpers import small_runs

RUN = "0123456789abcdef"


@pytest.mark.parametrize("name", formats.FORMATS)
def test_what_exists_stays_and_is_refused_before_any_work(tmp_path, monkeypatch, name):
    (tmp_path / "there").write_text("mine")
    monkeypatch.setattr(checkpoints, "find", lambda ref: pytest.fail("work began"))
    with pytest.raises(UnfreezeError, match="there is already there; choose another name"):
        drain(formats.export(name, "starter", tmp_path / "there"))
    assert (tmp_path / "there").read_text() == "mine"


def test_a_checkpoint_without_a_form_is_refused_in_a_sentence(tmp_path, capsys):
    target = tmp_path / "out"
    assert main(["export", "starter", str(target), "--format", "huggingface"]) == 1
    assert "Only encoders have a form that transformers opens" in capsys.readouterr().err
    command = ["export", "starter", str(target), "--format", "huggingface", "--title", "New"]
    assert main(command) == 2
    assert "Only the formats unfreeze and html have a title" in capsys.readouterr().err
    assert not target.exists()


def test_only_a_copy_of_a_checkpoint_needs_no_last_layer():
    starter = checkpoints.find("starter")
    headless = replace(starter, labels=())
    faults = {name: form.fault(headless) for name, form in formats.FORMATS.items()}
    assert faults.pop(formats.PLAIN) == ""
    assert set(faults.values()) == {f"{starter.title} has no last layer yet: fine-tune it first."}
    assert formats.FORMATS["onnx"].fault(starter) == ""


def test_a_folder_is_packed_into_a_zip_that_holds_all_of_it(tmp_path):
    trained = small_runs.checkpoint(checkpoints.run_path(RUN), RUN)
    events = []
    file = drain(formats.export_file("unfreeze", RUN, tmp_path / "out"), events.append)
    assert [path.name for path in file.parent.iterdir()] == ["01234567-unfreeze.zip"]
    assert any(isinstance(event, Progress) and event.unit == "bytes" for event in events)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(paths.checkpoints_dir())
    copy = checkpoints.find("01234567-unfreeze")
    assert copy.weights_fingerprint == trained.weights_fingerprint
    assert checkpoint_files.load_model(copy)


def test_a_cancelled_zip_leaves_nothing(tmp_path):
    task = formats.export_file("unfreeze", "starter", tmp_path)
    next(event for event in task if isinstance(event, Progress) and event.unit == "bytes")
    assert list(tmp_path.glob(".*/*.zip"))
    task.close()
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".*"))
