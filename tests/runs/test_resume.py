"""Runs whose process is killed, as a power cut would, and the command line that goes on with them."""

import json
import random
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ftcore import paths, tracking
from ftcore.models import checkpoint_files, checkpoints
from ftcore.training import snapshots
from tests.helpers import disk_limit, small_runs
from tests.helpers.paused_runs import assert_same_outcome

pytestmark = pytest.mark.slow

KILLS = 10
SETTINGS = shlex.split(
    "--checkpoint base --dataset sample --limit 1500 --epochs 8 --seed 3 --max-length 48 "
    "--dropout 0.1 --learning-rate 0.01 --batch-size 16 --device cpu"
)


@pytest.fixture(autouse=True)
def base(home: Path) -> None:
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def command(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ftcore", *arguments, "--json"],
        cwd=paths.ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def to_its_end(process: subprocess.Popen[str]) -> tuple[dict, str]:
    """The last line on stdout, and stderr."""
    out, err = process.communicate(timeout=300)
    return json.loads(out.splitlines()[-1]), err


def lead(process: subprocess.Popen[str], lines: int) -> str:
    """Wait until training printed so many lines, and return the run's id."""
    assert process.stdout is not None
    run_id = json.loads(process.stdout.readline())["run_id"]
    for line in process.stdout:
        lines -= json.loads(line).get("event") in ("step", "evaluation", "saved", "resumable")
        if lines <= 0:
            break
    return str(run_id)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_run_killed_at_ten_random_points_ends_with_the_very_same() -> None:
    draw = random.Random(0)
    process = command("train", *SETTINGS)
    run_id = lead(process, draw.randrange(8, 34))
    kill(process)
    kills = 1
    while kills < KILLS:
        assert tracking.run(run_id).status == "interrupted"
        process = command("resume", run_id)
        assert lead(process, draw.randrange(8, 34)) == run_id
        kill(process)
        kills += 1
    assert tracking.run(run_id).status == "interrupted"
    resumed, _ = to_its_end(command("resume", run_id))
    plain, _ = to_its_end(command("train", *SETTINGS))
    assert resumed["status"] == plain["status"] == "finished"
    assert_same_outcome(plain["run_id"], run_id)
    for figure in ("val_accuracy", "test_accuracy", "message", "mode", "trainable_parameters"):
        assert resumed[figure] == plain[figure]

    again = command("resume", run_id)
    line, said = to_its_end(again)
    assert again.returncode == 0
    assert line == resumed
    assert "nothing to do" in said


def test_ctrl_c_leaves_a_run_that_goes_on() -> None:
    process = command("train", *SETTINGS)
    run_id = lead(process, 8)
    process.send_signal(signal.SIGINT)
    last, said = to_its_end(process)
    assert process.returncode == 1
    assert last["status"] == tracking.run(run_id).status == "interrupted"
    assert "resume it" in said
    assert checkpoints.find(run_id).metrics["val_accuracy"] == last["val_accuracy"]
    assert checkpoint_files.load_model(checkpoints.find(run_id))
    assert snapshots.path(checkpoints.run_path(run_id)).exists()


def test_two_processes_never_work_on_the_same_run() -> None:
    first = command("train", *SETTINGS, "--epochs", "1000")  # not over before the test looks
    run_id = lead(first, 1)
    first.send_signal(signal.SIGSTOP)  # sends no heartbeat, and still has the run
    try:
        assert tracking.run(run_id).status == "running"
        second = command("resume", run_id)
        _, error = second.communicate(timeout=300)
        assert second.returncode == 1 and "running" in error
    finally:
        kill(first)
    assert tracking.run(run_id).status == "interrupted"


@pytest.mark.parametrize(
    ("status", "sentence"), [("stopped", "is stopped"), ("failed", "is failed")]
)
def test_what_is_over_is_not_resumed(status: str, sentence: str) -> None:
    run_id = small_runs.run(status, checkpoint="base")
    process = command("resume", run_id)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentence in said
    assert "Traceback" not in said


def test_a_disk_that_is_full_interrupts_a_run_and_harms_nothing() -> None:
    """Files may grow no larger than the record has become: the next state does not fit."""
    bigger = [*SETTINGS, "--checkpoint", "starter"]
    process = command("train", *bigger)
    run_id = lead(process, 8)
    process.send_signal(signal.SIGINT)
    to_its_end(process)
    file = snapshots.path(checkpoints.run_path(run_id))
    before, limit = file.read_bytes(), 10_000_000
    assert len(before) > limit
    with disk_limit.limit_file_size(limit):
        last, said = to_its_end(command("resume", run_id))
    assert last["status"] == tracking.run(run_id).status == "interrupted"
    assert "The disk is full" in said
    assert "Traceback" not in said
    assert file.read_bytes() == before
    assert not [left for left in file.parent.rglob("*") if left.name.startswith(".")]
    assert checkpoint_files.load_model(checkpoints.find(run_id))


# Its texts are long, so that memory ends at one large piece, and not with the last bit of what is left.
CRAMPED = """
import resource, sys
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
one = tracking.run(run_id)
print(one.status, one.message, *one.notes, sep="\\n")
"""


def cramped(room: int, folder: Path) -> tuple[str, str, str]:
    """Status, message and notes of a run that has so many bytes of memory more before its first step."""
    for name in ("train.csv", "test.csv"):
        rows = [f'"{row % 4 + 1}","Title {row}","{"word of news " * 170}"' for row in range(160)]
        (folder / name).write_text("\n".join([*rows, ""]))
    done = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(folder), str(room)],
        cwd=paths.ROOT,
        text=True,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    status, message, *notes = done.stdout.splitlines()
    return status, message, "".join(notes)


def test_memory_that_runs_out_for_real_ends_the_attempt_and_not_the_run(tmp_path: Path) -> None:
    status, message, notes = cramped(700_000_000, tmp_path)
    assert status == "finished", message
    assert "Out of memory with 128 texts at once" in notes


def test_memory_that_suffices_for_no_text_ends_it_with_advice(tmp_path: Path) -> None:
    """Be it in the first evaluation, or in a step that was halved down to one text."""
    status, message, _ = cramped(1_000_000, tmp_path)
    assert status == "failed", message
    assert "reduce the batch size" in message
