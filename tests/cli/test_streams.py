"""Output that is closed, full, or cannot show a character, and folders that cannot be used."""

import io
import json
import os
import subprocess
import sys

import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.runs import execution
from tests.helpers import small_runs

PYTHON = [sys.executable, "-m", "ftcore"]
# Those of a run are tested one by one.
COMMANDS = ["datasets", "checkpoints", "runs", "experiments", "predict --checkpoint base hello"]
COMMANDS += ["code RUN", "resume FINISHED", "export base FOLDER", "export-data sample FOLDER"]
COMMANDS += ["find-rate", "--help", "train --help", "--version"]


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    small_runs.small_sample(monkeypatch)


@pytest.fixture
def arguments(tmp_path, request):
    """A command's arguments, with a run that there is in the place of RUN."""
    values = {"FOLDER": str(tmp_path / "new")}
    if "RUN" in request.param or "FINISHED" in request.param or "runs" in request.param:
        small_runs.bundled(tmp_path / "bundled")
        config = small_runs.config(name="\N{THUMBS UP SIGN}")
        run_id = tracking.create_run(config, "id", "\N{PILE OF POO}")
        values |= {"RUN": run_id, "FINISHED": run_id}
        for _ in execution.execute(run_id):
            pass
    return [values.get(word, word) for word in request.param.split()]


def status(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:  # of argparse
        assert isinstance(end.code, int)
        return end.code


def encoded_output(monkeypatch: pytest.MonkeyPatch, encoding: str) -> io.BytesIO:
    """Replace standard output by one with another encoding, and return what it writes to."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    return written


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_character_that_the_encoding_lacks_is_written_as_an_escape(encoding, monkeypatch):
    thumb = "\N{THUMBS UP SIGN}"
    run_id = tracking.create_run(small_runs.config(mode="majority", name=thumb), "id", thumb)
    predict = ["predict", "--checkpoint", "base", f"{thumb} \udcff"]
    for arguments in (["runs"], ["experiments"], predict, ["resume", run_id]):
        written = encoded_output(monkeypatch, encoding)
        assert main(arguments) == 0
        text = written.getvalue().decode("ascii")
        assert "\\U0001f44d" in text or arguments[0] == "resume"
        written = encoded_output(monkeypatch, encoding)
        assert main([*arguments, "--json"]) == 0
        first = json.loads(written.getvalue().splitlines()[0])
        assert thumb in str(first) or arguments[0] == "resume"


def test_help_and_errors_of_the_parser_are_written_in_any_encoding(monkeypatch):
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert status(["train", "--help"]) == 0  # it has an ellipsis
    assert status(["\N{THUMBS UP SIGN}"]) == 2


@pytest.mark.parametrize("arguments", COMMANDS, indirect=True, ids=COMMANDS)
def test_a_full_disk_is_one_sentence_and_a_status(arguments, monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        ended = status(arguments)
        monkeypatch.undo()
    message = capsys.readouterr().err
    assert ended == 1 and "Traceback" not in message
    assert message.splitlines()[-1].startswith("The output cannot be written (No space left")


@pytest.mark.slow
@pytest.mark.parametrize("json_lines", [[], ["--json"]])
def test_a_run_whose_output_cannot_be_written_is_interrupted_and_can_be_resumed(
    json_lines, monkeypatch, capsys
):
    train = ["train", "--checkpoint", "base", "--epochs", "1", "--max-length", "16"]
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main([*train, *json_lines]) == 1
    [run_id] = tracking.runs()["run_id"]
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and f"resume {run_id}" in message
    assert tracking.run(run_id).status == "interrupted"
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["resume", run_id, *json_lines]) == 1
    assert tracking.run(run_id).status == "interrupted"
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["resume", run_id, *json_lines]) == 0
    assert tracking.run(run_id).status == "finished"


def test_output_that_ends_during_a_run_interrupts_it(monkeypatch, capsys):
    class Filling(io.StringIO):
        def write(self, text: str) -> int:
            if "step" in text:
                raise OSError(28, "No space left on device")
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Filling())
    assert main(["train", "--checkpoint", "base", "--epochs", "1", "--max-length", "16"]) == 1
    [run_id] = tracking.runs()["run_id"]
    assert tracking.run(run_id).status == "interrupted"
    assert f"resume {run_id}" in capsys.readouterr().err


def test_closed_output_is_refused_before_anything_begins(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["train", "--checkpoint", "base"]) == 1
    assert capsys.readouterr().err.startswith("Standard output is closed")
    assert tracking.runs().empty


@pytest.mark.parametrize("error_stream", [None, "/dev/full"])
def test_the_status_tells_where_standard_error_cannot(error_stream, monkeypatch, capsys):
    with open(error_stream or os.devnull, "w") as full:
        monkeypatch.setattr(sys, "stderr", full if error_stream else None)
        assert status(["predict", "--run", "gone", "text"]) == 1
        assert status(["dance"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["datasets", "train --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_broken_pipe_ends_like_the_signal(command, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [*PYTHON, *command.split()],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=paths.ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "returncode", "message"),
    [
        (">&-", 1, "Standard output is closed: send it to a file, or to /dev/null.\n"),
        (">/dev/full", 1, "The output cannot be written (No space left on device): "),
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">&- 2>&- <&-", 1, ""),
    ],
)
def test_streams_of_a_process(redirection, returncode, message):
    command = f"exec {sys.executable} -m ftcore datasets {redirection}"
    process = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=paths.ROOT)
    assert process.returncode == returncode
    assert process.stderr.startswith(message) and process.stderr.count("\n") <= 1


UNUSABLE = "checkpoints,runs,experiments,predict hello,train,find-rate,compare,export-data sample x"


@pytest.mark.parametrize("command", UNUSABLE.split(","))
@pytest.mark.parametrize("kind", ["file", "below a file", "read-only"])
def test_a_home_that_cannot_be_used_is_one_sentence(command, kind, monkeypatch, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    homes = {"file": file, "below a file": file / "home", "read-only": "/proc/home"}
    monkeypatch.setenv("UNFREEZE_HOME", str(homes[kind]))
    monkeypatch.chdir(tmp_path)
    ended, (_, message) = main(command.split()), capsys.readouterr()
    assert "Traceback" not in message
    assert ended in (0, 1) and bool(ended) == bool(message)
    if ended:
        assert str(homes[kind]) in message and message.splitlines()[-1].endswith(".")


@pytest.mark.parametrize("command", ["train", "compare"])
def test_nothing_is_recorded_if_the_folder_of_runs_cannot_be_used(command, home, capsys):
    tracking.runs()
    (home / "runs").write_text("")
    assert main(f"{command} --checkpoint base --epochs 1".split()) == 1
    assert str(home / "runs") in capsys.readouterr().err
    assert tracking.runs().empty
    for listing in ("runs", "checkpoints", "experiments"):
        assert main([listing]) == 0
