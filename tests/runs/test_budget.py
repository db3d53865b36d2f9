"""Runs of a number of steps, given or found from minutes."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from ftcore import tracking
from ftcore.events import Evaluation, Started, Step, drain
from ftcore.exchange import huggingface
from ftcore.experiments.grouping import without_seed
from ftcore.models import checkpoints
from ftcore.runs import execution, train
from ftcore.training import budget, estimate, preparation
from tests.helpers import small_encoders, small_runs
from tests.helpers.paused_runs import assert_same_outcome, execute, finished
from tests.helpers.small_runs import config

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    return small_runs.small_sample(monkeypatch)


@pytest.fixture
def pace(monkeypatch):
    """A step takes as many seconds as the longest text has tokens; validation and saving take 50."""

    def of(seconds):
        def task(setup, *arguments):
            yield from ()
            return float(seconds(setup, *arguments))

        return task

    def step_seconds(setup, state, classifiers, epoch, seconds):
        return setup.config.truncation_in(epoch).length

    monkeypatch.setattr(budget, "_step_seconds", of(step_seconds))
    monkeypatch.setattr(budget, "_validation_seconds", of(lambda *_: 40))
    monkeypatch.setattr(budget, "_saving_seconds", lambda *_: 10.0)


def steps_that_fit(**values):
    settings = config(limit=64, batch_size=16, evaluations=2, **values)
    setup = drain(preparation.prepare(settings, checkpoints.run_path("run"), "run"))
    fixed = drain(budget.fix_steps(setup))
    assert fixed.config.epochs == math.ceil(fixed.steps / 4)
    assert max(fixed.evaluation_steps) == fixed.steps
    return fixed.steps


def test_a_run_of_some_steps_ends_within_an_epoch_with_a_validation_and_the_schedule_over():
    events = []
    drain(train.train(config(steps=17), checkpoints.run_path("run"), "run"), events.append)
    [start] = [event for event in events if isinstance(event, Started)]
    assert (start.facts["steps"], start.facts["steps_per_epoch"]) == (17, 12)
    steps = [event for event in events if isinstance(event, Step)]
    assert (steps[-1].step, steps[-1].epoch, steps[-1].examples) == (17, 17 / 12, 190 + 5 * 16)
    assert 0 <= steps[-1].lr < 0.1 * steps[-4].lr
    validated = [each.step for each in events if isinstance(each, Evaluation)][:-1]
    assert validated == [0, 2, 5, 7, 10, 12, 14, 17]


@pytest.mark.parametrize("mode", ["full", "last-layer", "lp-ft"])
def test_a_run_of_some_minutes_equals_a_run_of_the_steps_in_its_record(mode):
    settings = config(mode=mode, minutes=0.02, dropout=0.0 if mode == "last-layer" else 0.1)
    timed = tracking.run(finished(settings))
    steps = timed.facts["steps"]
    assert timed.config.steps == steps >= 1 and timed.config.minutes == 0.02
    assert timed.config.epochs == math.ceil(steps / timed.facts["steps_per_epoch"])
    assert any("into 0.02 minutes." in note for note in timed.notes)
    assert_same_outcome(timed.run_id, finished(replace(settings, minutes=0, steps=steps)))


def test_the_steps_of_an_encoder_are_fixed_by_the_minutes_and_survive_a_pause(tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    encoder = drain(huggingface.import_encoder(str(folder))).ref
    settings = config(checkpoint=encoder, minutes=0.1, max_length=16)
    run_id, request = tracking.create_run(settings), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Step):
            request.action = "pause"
    steps = tracking.run(run_id).facts["steps"]
    assert execute(run_id) == "finished", tracking.run(run_id).message
    timed = tracking.run(run_id)
    assert timed.facts["steps"] == timed.config.steps == steps
    assert_same_outcome(run_id, finished(replace(settings, minutes=0, steps=steps)))


def test_a_resumed_run_takes_the_recorded_steps_and_never_measures_again(monkeypatch, pace):
    settings = config(minutes=10, max_length=16)
    run_id, request = tracking.create_run(settings), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Started):
            request.action = "pause"  # before its first snapshot
    steps = tracking.run(run_id).config.steps
    assert steps == tracking.run(run_id).facts["steps"]
    monkeypatch.setattr(budget, "fix_steps", None)
    assert execute(run_id, pause_after=25) == "paused"
    events, output = [], checkpoints.run_path(run_id)
    task = train.train(settings, output, run_id, resume=True)  # as if the record lacked them
    drain(task, events.append)
    assert [each.facts["steps"] for each in events if isinstance(each, Started)] == [steps]
    other = tracking.run(finished(replace(settings, minutes=0, steps=steps)))
    assert events[-1].metrics["val_accuracy"] == other.metrics["val_accuracy"]


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        # 50 s before the first step, 4 steps and 2 validations an epoch.
        ({"minutes": 10, "max_length": 100}, 4),  # 50 + 500, and no time for a validation more
        ({"minutes": 25, "max_length": 100}, 8 + 3),  # 50 + 2 * 500 + 3 * 125 + 50
        ({"minutes": 20, "epoch_lengths": "8,200", "max_length": 200}, 4 + 4),  # 50 + 132 + 900
        ({"minutes": 0.5, "max_length": 100}, 1),
        ({"minutes": 15, "max_length": 100, "mode": "gradual"}, 4 + 2),
    ],
)
def test_steps_and_validations_fit_into_the_minutes(values, steps, pace):
    assert steps_that_fit(**values) == steps


def test_measuring_says_how_long_a_step_and_a_validation_take(monkeypatch):
    """Without the fakes: every figure is positive, and the phase is told."""
    setup = drain(preparation.prepare(config(minutes=0.01), checkpoints.run_path("run"), "run"))
    events = []
    drain(budget.fix_steps(setup), events.append)
    assert {event.phase for event in events} == {"measuring"}
    assert not list(checkpoints.run_path("run").parent.iterdir())


def test_runs_of_the_same_minutes_are_one_side_whatever_fitted():
    first, second = (
        config(minutes=5, seed=seed).with_steps(steps, 12) for seed, steps in ((0, 400), (1, 420))
    )
    assert without_seed(first) == without_seed(second)
    fixed = (config(steps=steps, seed=steps) for steps in (400, 420))
    assert len({without_seed(each) for each in fixed}) == 2


def test_the_estimate_of_a_budget_is_its_minutes_and_what_is_around_them():
    none = pd.DataFrame(columns=["status", "mode", "seconds", "config"])
    seconds = [estimate.seconds(config(minutes=minutes), none) for minutes in (5, 7)]
    assert seconds[1] - seconds[0] == pytest.approx(120) and 300 < seconds[0] < 330
    work = [estimate.work(config().with_steps(steps, 12)) for steps in (10, 100, 1000)]
    assert work[0] < work[1] < work[2]
