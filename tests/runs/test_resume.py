"""Runs that are killed, interrupted, out of disk or out of memory, and resumed from the command line."""

import json
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.diagnostics.results import Diagnostics
from ftcore.models import checkpoint_files, checkpoints
from ftcore.training import snapshots
from tests.helpers import disk_limit, locked_database, small_runs
from tests.helpers.paused_runs import assert_same_outcome
from tests.helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow

KILLS = 2  # at random steps
SETTINGS = shlex.split(
    "--checkpoint=base --dataset=sample --limit=600 --epochs=8 --seed=3 --max-length=48 "
    "--dropout=0.1 --learning-rate=0.01 --batch-size=16 --device=cpu"
)


@pytest.fixture(autouse=True)
def base(home):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def start(*arguments: str, code: str = "") -> subprocess.Popen[str]:
    """Start a command, run by other code than ftcore's own if given."""
    program = ["-c", code] if code else ["-m", "ftcore"]
    command = [sys.executable, *program, *arguments, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=pipe, stderr=pipe)


def finish(process: subprocess.Popen[str]) -> tuple[dict, str]:
    """The last line on stdout, and stderr."""
    out, err = process.communicate(timeout=PATIENCE)
    return json.loads(out.splitlines()[-1]), err


def wait_for_training(process: subprocess.Popen[str], lines: int) -> str:
    """Wait until training has printed so many lines; return the run's id."""
    assert process.stdout is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    for line in process.stdout:
        lines -= json.loads(line).get("event") in ("step", "evaluation", "saved", "resumable")
        if lines <= 0:
            break
    return str(run_id)


def wait_for_phase(process: subprocess.Popen[str], phase: str) -> str:
    """Wait until a run tells that it is in a phase; return the run's id."""
    assert process.stdout is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    assert any(json.loads(line).get("phase") == phase for line in process.stdout)
    return str(run_id)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_run_killed_in_each_phase_ends_with_the_same_result_bit_for_bit(capsys):
    """While LP-FT fits its last layer, at random steps of the training, in the test, in the diagnostics."""
    settings = [*SETTINGS, "--mode=lp-ft"]
    generator = random.Random(0)
    process = start("train", *settings)
    run_id = wait_for_phase(process, "fitting")
    for phase in (*["training"] * KILLS, "testing", "diagnostics"):
        kill(process)
        assert tracking.run(run_id).status == "interrupted"
        process = start("resume", run_id)
        if phase == "training":
            assert wait_for_training(process, generator.randrange(8, 34)) == run_id
        else:
            assert wait_for_phase(process, phase) == run_id
    kill(process)
    resumed, _ = finish(start("resume", run_id))
    uninterrupted, _ = finish(start("train", *settings))
    assert resumed["status"] == uninterrupted["status"] == "finished"
    assert_same_outcome(uninterrupted["run_id"], run_id)
    for key in ("val_accuracy", "test_accuracy", "message", "mode", "trainable_parameters"):
        assert resumed[key] == uninterrupted[key]
    found, expected = map(Diagnostics.of_run, (run_id, uninterrupted["run_id"]))
    assert found is not None and np.array_equal(found.probabilities, expected.probabilities)
    assert found.moved == expected.moved

    assert main(["resume", run_id, "--json"]) == 0
    out, error = capsys.readouterr()
    assert json.loads(out.splitlines()[-1]) == resumed
    assert "nothing to do" in error


def test_points_that_a_locked_record_could_not_take_stand_in_the_snapshot():
    """Locked by another program, an evaluation passes, killed, unlocked, resumed."""
    settings = [*SETTINGS, "--watch=good film."]
    process = start("train", *settings, code=locked_database.COMMAND_LINE)
    run_id = wait_for_training(process, 12)
    with closing(sqlite3.connect(paths.database_path(), 60, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert process.stdout is not None
        passed: list[str] = []
        while "evaluation" not in passed or passed[-2:-1] != ["resumable"]:  # its snapshot is saved
            passed.append(json.loads(process.stdout.readline()).get("event"))
        kill(process)
    last, _ = finish(start("resume", run_id))
    assert last["status"] == "finished"
    undisturbed, _ = finish(start("train", *settings))
    assert_same_outcome(undisturbed["run_id"], run_id)
    with closing(sqlite3.connect(paths.database_path())) as store:
        twice = "SELECT key, step FROM metrics WHERE run_uuid = ? GROUP BY key, step HAVING count(*) > 1"
        assert store.execute(twice, (run_id,)).fetchall() == []


def test_two_processes_never_work_on_the_same_run(capsys):
    first = start("train", *SETTINGS, "--epochs=1000")  # long enough not to end during the test
    run_id = wait_for_training(first, 1)
    first.send_signal(signal.SIGSTOP)  # sends no heartbeat, and still has the run
    try:
        assert tracking.run(run_id).status == "running"
        assert main(["resume", run_id]) == 1  # by this process
        assert "running" in capsys.readouterr().err
    finally:
        kill(first)
    assert tracking.run(run_id).status == "interrupted"


def test_ctrl_c_and_a_full_disk_interrupt_a_run_and_harm_nothing():
    """On the disk, files may not grow beyond a limit that the record keeps to, but not the snapshot."""
    process = start("train", *SETTINGS, "--checkpoint=starter")
    run_id = wait_for_training(process, 8)
    process.send_signal(signal.SIGINT)
    last, error = finish(process)
    assert process.returncode == 130 and "resume it" in error  # 128 + SIGINT
    assert last["status"] == tracking.run(run_id).status == "interrupted"
    assert checkpoints.find(run_id).metrics["val_accuracy"] == last["val_accuracy"]
    file = snapshots.path(checkpoints.run_path(run_id))
    snapshot, limit = file.read_bytes(), 10_000_000
    assert len(snapshot) > limit
    with disk_limit.limit_file_size(limit):
        last, error = finish(start("resume", run_id))
    assert last["status"] == tracking.run(run_id).status == "interrupted"
    assert "The disk is full" in error and "Traceback" not in error
    assert file.read_bytes() == snapshot
    assert not list(file.parent.rglob(".*"))
    assert checkpoint_files.load_model(checkpoints.find(run_id))


# The texts are long, so that memory ends at one large piece, and not with the last bit of what is left.
LIMITED_MEMORY = """
import json, resource, sys
from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Progress
from ftcore.runs import execution

config = FineTuneConfig(
    dataset="ag_news", source=sys.argv[1], batch_size=128, epochs=1, max_length=512, device="cpu"
)
run_id = tracking.create_run(config)
for event in execution.execute(run_id):
    if isinstance(event, Progress) and event.phase == "evaluating":
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), -1))
run = tracking.run(run_id)
print(json.dumps([run.status, run.message, " ".join(run.notes)]))
"""


@pytest.mark.parametrize(
    ("room", "status", "sentence"),
    [
        (700_000_000, "finished", "Out of memory with 128 texts at once"),
        (1_000_000, "failed", "reduce the batch size"),  # suffices for no text
    ],
)
def test_out_of_memory_splits_batches_and_fails_only_if_one_text_does_not_fit(
    room, status, sentence, tmp_path
):
    """The address space may grow by so many bytes after the first texts are evaluated."""
    for name in ("train.csv", "test.csv"):
        rows = [f'"{row % 4 + 1}","Title {row}","{"word of news " * 170}"\n' for row in range(160)]
        (tmp_path / name).write_text("".join(rows))
    command = [sys.executable, "-c", LIMITED_MEMORY, str(tmp_path), str(room)]
    process = subprocess.run(
        command, cwd=paths.ROOT, text=True, capture_output=True, timeout=PATIENCE
    )
    assert process.returncode == 0, process.stderr
    actual, message, notes = json.loads(process.stdout)
    assert actual == status, message
    assert sentence in message + notes
