"""A package answers in an environment of its own, comes back with its history, and a bad one is refused."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, drain
from ftcore.exchange import formats, huggingface
from ftcore.exchange.onnx import export as onnx_export
from ftcore.exchange.package import importing
from ftcore.inference import prediction
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from tests.helpers import paused_runs, small_encoders, small_runs
from tests.helpers.kills import kill_at
from tests.helpers.onnx_graphs import trace_here

TEXTS = ["a good film", "not good it is awful " * 300, "great"]


def _required(names):
    """Distributions that these need, themselves included."""
    found = {}
    waiting = list(names)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another system or Python
            continue
        waiting += [each for each in found[name].requires or () if "extra ==" not in each]
    return found.values()


def fresh_environment(folder, requirements):
    """A Python that has what a file of requirements asks for, and nothing else that is installed here."""
    venv.create(folder, symlinks=True)
    [site] = folder.glob("lib/python*/site-packages")
    lines = requirements.read_text().split()
    for distribution in _required(line.partition("==")[0] for line in lines):
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(distribution.locate_file(top)))
    for line in lines:
        name, _, version = line.partition("==")
        assert metadata.version(name) == version
    return folder / "bin" / "python"


def unpacked(package, folder):
    with zipfile.ZipFile(package) as content:
        content.extractall(folder)
    return folder / package.stem


def assert_answers_alone(package, folder, ref):
    root = unpacked(package, folder)
    python = fresh_environment(folder / "venv", root / "requirements.txt")
    command = [python, "-B", root / "predict.py", *TEXTS]
    lines = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for line, text, own in zip(lines, TEXTS, prediction.predict(ref, TEXTS), strict=True):
        answer = json.loads(line)
        assert answer["text"] == text and answer["label"] == own.label
        assert answer["probabilities"] == pytest.approx(own.probabilities, abs=1e-5)
    assert len((root / "predict.py").read_text().splitlines()) <= 20
    missing = [python, "-c", "import torch"]
    assert subprocess.run(missing, capture_output=True).returncode, "the environment is not its own"
    return root


@pytest.mark.slow
def test_a_run_answers_alone_and_comes_back_in_another_home(tmp_path, monkeypatch):
    trace_here(monkeypatch)
    drain(huggingface.import_encoder(str(small_encoders.write_folder(tmp_path / "small-bert"))))
    settings = {"checkpoint": "small-bert", "limit": 60, "epochs": 1, "max_length": 32}
    watch = "a good film\na bad film"
    run_id = paused_runs.finished(FineTuneConfig(**settings, mode="full", watch=watch))
    kept = Calibration(1.5, 0.95, {"negative": 0.1, "positive": 0.2}, 100)
    calibration.write(checkpoints.find(run_id), kept)
    package = tmp_path / "small.zip"
    assert main(["export", run_id, str(package), "--format", "zip"]) == 0
    root = assert_answers_alone(package, tmp_path / "alone", run_id)
    names = {file.name for file in root.iterdir()}
    assert names == {
        "README.md",
        "report.html",
        "run.py",
        "predict.py",
        "requirements.txt",
        "model",
    } | {
        "unfreeze.json",
        "checkpoint",
        "run",
    }
    for file in ("README.md", "report.html", "run.py", "run/run.json", "checkpoint/config.json"):
        assert str(tmp_path) not in (root / file).read_text(), "no path of this machine"
    report = (root / "report.html").read_text()
    assert report.count("<polyline") == 4 and "<script" not in report and "positive" in report

    before = tracking.run(run_id)
    tables = (tracking.history(run_id), tracking.watched(run_id))
    answers = prediction.predict(run_id, TEXTS)
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "other"))
    assert main(["import", str(package)]) == 0
    [row] = tracking.runs().to_dict("records")
    assert row["imported"] == run_id and row["status"] == "finished"
    there = tracking.run(row["run_id"])
    drain(huggingface.import_encoder(str(tmp_path / "small-bert")))  # what it started from
    assert tracking.run(there.run_id).config == before.config
    assert (there.facts, there.notes) == (before.facts, before.notes)
    assert (there.metrics, there.name) == (pytest.approx(before.metrics), before.name)
    assert abs(there.created - before.created).total_seconds() <= 1
    for table, own in zip((tracking.history, tracking.watched), tables, strict=True):
        back = table(there.run_id)
        np.testing.assert_allclose(
            back.select_dtypes("number"), own[back.columns].select_dtypes("number"), rtol=1e-6
        )
    assert checkpoints.find(there.run_id).labels == ("negative", "positive")
    for answer, own in zip(prediction.predict(there.run_id, TEXTS), answers, strict=True):
        assert answer.probabilities == own.probabilities and answer.calibration == own.calibration

    events = []
    again = drain(importing.import_package(package), events.append)
    assert again.ref == there.run_id and len(tracking.runs()) == 1
    assert any("here already" in event.note for event in events if isinstance(event, Noted))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package of a bundled checkpoint, without the graph, which takes seconds to write."""

    def without_graph(ref, target, precision="fp32"):
        target.mkdir()
        (target / "predict.py").write_text("")
        yield Progress("converting", 1, None, "seconds")
        return target

    folder = tmp_path_factory.mktemp("package")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "write", without_graph)
        return drain(formats.export("zip", "sentiment", folder / "sentiment.zip"))


def rewritten(package, target, change):
    """A copy of a package whose members went through `change`, as (name, content) → some of them."""
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            for name, content in change(member.filename, old.read(member)):
                new.writestr(name, content)
    return target


def with_member(name, content=b"x"):
    added = []

    def change(old, unchanged):
        yield old, unchanged
        if not added:
            added.append(name)
            yield name, content

    return change


def replaced(end, content):
    def change(name, unchanged):
        yield name, content if name.endswith(end) else unchanged

    return change


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_member("../outside"), "leads out of it"),
        (with_member("sentiment/../../outside"), "leads out of it"),
        (with_member("/etc/outside"), "leads out of it"),
        (with_member("C:\\outside"), "leads out of it"),
        (with_member(link("sentiment/model/link"), b"/etc/passwd"), "leads out of it"),
        (with_member("sentiment/checkpoint/pytorch_model.bin"), "may run code"),
        (with_member("sentiment/extra.PKL"), "may run code"),
        (replaced("config.json", b" " * 150_000_000), "unpacks to far more than a model"),
        (replaced("weights.safetensors", b"\0" * 150_000_000), "unpacks to far more than a model"),
        (replaced("config.json", b"{}"), "broken.zip cannot be imported: its config.json"),
        (
            replaced("weights.safetensors", b"x" * 100),
            "imported: weights.safetensors is missing or cut",
        ),
        (replaced("unfreeze.json", b"[]"), "A file in broken.zip is damaged"),
        (
            replaced("unfreeze.json", b'{"format": 99, "ref": "x", "title": "x"}'),
            "A newer Unfreeze",
        ),
        (
            lambda name, content: [("a/b.txt", content)] if name.endswith("json") else [],
            "is no package",
        ),
    ],
)
def test_a_bad_package_is_refused_in_a_sentence_and_leaves_nothing(
    tmp_path, package, change, message
):
    broken = rewritten(package, tmp_path / "broken.zip", change)
    with pytest.raises(UnfreezeError, match=message) as refused:
        drain(importing.import_package(broken))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "outside").exists()
    assert not list(paths.checkpoints_dir().glob("*")) and not list(paths.home().glob(".unfreeze*"))


def test_a_package_that_is_cut_short_or_none_at_all_is_refused(tmp_path, package, capsys):
    whole = package.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"no zip", b""):
        (tmp_path / "cut.zip").write_bytes(content)
        assert main(["import", str(tmp_path / "cut.zip")]) == 1
        assert "cut.zip is no zip, is damaged, or is cut short" in capsys.readouterr().err
    middle = bytearray(whole)
    middle[len(whole) // 2] ^= 0xFF  # in the middle of the weights
    (tmp_path / "cut.zip").write_bytes(middle)
    assert main(["import", str(tmp_path / "cut.zip")]) == 1
    assert main(["import", str(tmp_path / "missing.zip")]) == 1
    assert not list(paths.checkpoints_dir().glob("*"))


def test_a_checkpoint_without_a_run_comes_back_under_a_name(tmp_path, monkeypatch, package):
    found = drain(importing.import_package(package))
    assert found.ref == "sentiment", "the same model is bundled"
    monkeypatch.setattr(importing, "_imported_before", lambda *_: None)
    first = drain(importing.import_package(package))
    assert first.kind == "imported" and first.weights_fingerprint == found.weights_fingerprint
    assert drain(importing.import_package(package, "mine")).ref == "mine"
    own, other = (prediction.predict(ref, TEXTS) for ref in ("mine", "sentiment"))
    assert [each.probabilities for each in own] == [each.probabilities for each in other]
    with pytest.raises(UnfreezeError, match="There is a checkpoint 'mine' already"):
        drain(importing.import_package(package, "mine"))


def test_what_a_killed_import_left_goes_with_the_next_one(package):
    def import_half():
        for event in importing.import_package(package):
            if isinstance(event, Progress) and event.done:
                os.kill(os.getpid(), signal.SIGKILL)

    assert kill_at(1_000, import_half)
    assert list(paths.home().glob(".unfreeze*"))
    assert drain(importing.import_package(package)).ref == "sentiment"
    assert not list(paths.home().glob(".unfreeze*"))


def test_an_import_that_fails_in_the_record_leaves_no_run(tmp_path, monkeypatch, home):
    small_runs.checkpoint(home / "checkpoints" / "base", "base")
    run_id = small_runs.run(checkpoint="base")
    run, tables = tracking.run(run_id), (tracking.history(run_id), tracking.watched(run_id))

    def fail(new_id):
        (paths.runs_dir() / new_id / "artifacts").mkdir(parents=True)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        tracking.import_run(run, "origin", run.config.to_dict(), *tables, fail)
    assert list(tracking.runs()["run_id"]) == [run_id]
    assert not [path for path in paths.runs_dir().iterdir() if path.name != run_id]


def test_a_killed_import_leaves_no_checkpoint_without_a_run(home):
    small_runs.checkpoint(home / "checkpoints" / "base", "base")
    run = tracking.run(small_runs.run(checkpoint="base"))
    tables = tracking.history(run.run_id), tracking.watched(run.run_id)
    listed = checkpoints.list_checkpoints()

    def place_and_be_killed(new_id):
        shutil.copytree(home / "checkpoints" / "base", checkpoints.run_path(new_id))
        os.kill(os.getpid(), signal.SIGKILL)

    def import_run(place):
        tracking.import_run(run, "origin", run.config.to_dict(), *tables, place)

    assert kill_at(1_000_000, lambda: import_run(place_and_be_killed))
    assert len(checkpoints.list_checkpoints()) > len(listed)

    def place_while_another_process_looks(new_id):
        tracking.remove_unfinished_imports()
        assert checkpoints.list_checkpoints() == listed
        assert tracking.run(run.run_id)

    import_run(place_while_another_process_looks)
    assert len(tracking.runs()) == 2
    assert len(list(paths.runs_dir().iterdir())) == 2


def test_options_that_do_not_fit_a_package_are_refused(tmp_path, capsys):
    assert main(["import", "x.zip", "--revision", "main"]) == 2
    assert "holds all that belongs to it" in capsys.readouterr().err
    assert main(["export", "starter", str(tmp_path / "out"), "--format", "zip"]) == 2
    assert "a name that ends in .zip" in capsys.readouterr().err
