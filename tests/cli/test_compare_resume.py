"""Experiments of the command line that end before all their runs have: what is said, and how they go on."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Progress
from ftcore.experiments import catalog
from ftcore.runs import scheduler as scheduling, train
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.paused_runs import assert_same_outcome
from tests.helpers.waiting import PATIENCE

COMPARE = "compare --json --checkpoint base --modes full,last-layer,scratch"


@pytest.fixture
def training(monkeypatch):
    """Replaces all training; the modes in the set send Ctrl-C to this process."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    interrupting: set[str] = set()

    def run(config, output, ref, resume):
        try:
            if config.mode in interrupting:
                os.kill(os.getpid(), signal.SIGINT)
            yield Progress("training", 1, 2, "steps")
            yield Finished("finished", "Done.", {"val_accuracy": 1.0})
        except train.Pause:
            yield Finished("paused", "Paused at step 1.")

    monkeypatch.setattr(train, "train", run)
    return interrupting


def compared(arguments, capsys):
    """The exit status of a command, and the last of its JSON lines."""
    status = main(shlex.split(arguments))
    return status, json.loads(capsys.readouterr().out.splitlines()[-1])


def statuses(experiment):
    return [tracking.run(run_id).status for run_id in catalog.run_ids(experiment)]


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("full", marks=pytest.mark.slow),
        "last-layer",
        pytest.param("scratch", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_leaves_a_plan_that_is_resumed_and_says_how_much_is_done(
    training, mode, capsys, tmp_path
):
    training.add(mode)
    done = ["full", "last-layer", "scratch"].index(mode)
    status, last = compared(f"{COMPARE} --export {tmp_path / 'out'}", capsys)
    assert status == 130
    assert (last["runs"], last["finished"], last["status"]) == (3, done, "interrupted")
    assert not (tmp_path / "out").exists()
    experiment = last["experiment"]
    assert statuses(experiment) == ["finished"] * done + ["interrupted"] * (3 - done)
    row = catalog.experiments().iloc[0]
    assert (row["runs"], row["finished"], row["status"]) == (3, done, "interrupted")
    main(["experiments"])
    assert f"interrupted   {done} of  3 finished" in capsys.readouterr().out
    with pytest.raises(UnfreezeError, match=f"{done} of 3 runs are finished; resume it"):
        catalog.export(experiment, tmp_path / "out")

    training.clear()
    status, last = compared(f"compare --json --resume {experiment}", capsys)
    assert (status, last["finished"], last["status"]) == (0, 3, "finished")
    assert statuses(experiment) == ["finished"] * 3
    assert main(["compare", "--resume", experiment]) == 0
    assert "nothing to do" in capsys.readouterr().err


def test_resume_takes_no_other_settings_and_no_unknown_experiment(training, capsys):
    training.add("full")
    _, last = compared(COMPARE, capsys)
    for option in ("--epochs 3", "--modes full", "--seeds 0", "--references"):
        assert main(shlex.split(f"compare --resume {last['experiment']} {option}")) == 2
        assert option.split()[0] in capsys.readouterr().err
    assert main(["compare", "--resume", "gone"]) == 1
    assert "no experiment 'gone'" in capsys.readouterr().err


def test_a_server_leaves_the_plan_of_a_command_alone_until_someone_resumes_it(
    training, capsys, monkeypatch
):
    monkeypatch.setattr(scheduling, "RELEASE_SECONDS", 0.0)
    training.add("full")
    _, last = compared(COMPARE, capsys)
    run_ids = catalog.run_ids(last["experiment"])
    claim = tracking.claim(run_ids[1])  # as a command does that resumes it
    scheduler.start()
    try:
        scheduler.queue.load()
        assert scheduler.queue.order() == []
        with pytest.raises(UnfreezeError, match="Another process works on this run"):
            scheduler.resume(*run_ids)
        assert main(["compare", "--resume", last["experiment"]]) == 1
        claim.release()
        training.clear()
        scheduler.resume(*run_ids)
        assert scheduler.queue.join(timeout=PATIENCE)
    finally:
        scheduler.shutdown()
    assert statuses(last["experiment"]) == ["finished"] * 3


@pytest.mark.slow
def test_an_experiment_killed_in_its_second_run_is_resumed_bit_for_bit():
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    arguments = shlex.split(
        f"{COMPARE} --limit 300 --epochs 4 --batch-size 16 --max-length 48 --device cpu"
    )

    def start(*arguments):
        command = [sys.executable, "-m", "ftcore", *arguments]
        return subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=subprocess.PIPE)

    process = start(*arguments)
    experiment = json.loads(process.stdout.readline())["experiment"]
    created = saved = 0
    for line in process.stdout:
        event = json.loads(line)["event"]
        created += event == "created"
        saved += event == "saved" and created == 2
        if saved == 2:
            break
    process.kill()
    process.communicate()
    assert statuses(experiment) == ["finished", "interrupted", "interrupted"]
    out, _ = start("compare", "--json", "--resume", experiment).communicate(timeout=600)
    last = json.loads(out.splitlines()[-1])
    assert (last["finished"], last["status"]) == (3, "finished")
    out, _ = start(*arguments).communicate(timeout=600)
    undisturbed = json.loads(out.splitlines()[-1])["experiment"]
    pairs = zip(catalog.run_ids(undisturbed), catalog.run_ids(experiment), strict=True)
    for expected, resumed in pairs:
        assert_same_outcome(expected, resumed)
