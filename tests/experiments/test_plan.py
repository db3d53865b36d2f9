"""Plans of paired experiments, and their way through the queue."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets, imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Event, Progress, Task, Watched, drain
from ftcore.experiments import catalog, plan
from ftcore.models import checkpoints
from ftcore.modes import REFERENCES, mode_defaults
from ftcore.runs import train
from ftcore.runs.scheduler import scheduler
from ftcore.text import batches
from tests.helpers import disk_limit, small_runs
from tests.helpers.waiting import PATIENCE

TEXTS = ["the film is good", "the film is bad", "not bad, the film is good", "not good. bad film"]


@pytest.fixture(autouse=True)
def starter(monkeypatch):
    """A checkpoint to start from, and a small dataset."""
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    monkeypatch.setattr(datasets, "load", load)


def load(name: str, source: str = "") -> Task[datasets.TextDataset]:
    yield Progress("reading", 1, 1, "texts")
    train_texts = datasets.Texts(TEXTS * 25, [1, 0, 1, 0] * 25)
    texts = (train_texts, datasets.Texts(TEXTS, [1, 0, 1, 0]))
    return datasets.TextDataset("sample", "Made up", imdb.LABELS, *texts, "this test", True, "0123")


def given(**values: object) -> dict[str, object]:
    return {"checkpoint": "starter", "limit": 40, "watch": "bad."} | values


def order(configs: Sequence[FineTuneConfig]) -> list[tuple[str, int]]:
    return [(config.mode, config.seed) for config in configs]


def test_runs_differ_in_mode_seed_and_what_the_mode_sets():
    modes = ["full", "last-layer", "gradual"]
    configs = plan.plan(given(batch_size=8), modes, [3, 5])
    expected = [(mode, seed) for seed in (3, 5) for mode in modes]
    assert order(configs) == expected + [(mode, 3) for mode in REFERENCES]
    networks = configs[:6]
    own = {"mode": "full", "seed": 0, "name": "", "learning_rate": 0.1, "layer_decay": 1.0}
    assert len({replace(config, **own) for config in networks}) == 1  # type: ignore[arg-type]
    assert {config.epochs for config in networks} == {4}
    assert (networks[0].batch_size, networks[0].limit, networks[0].watch) == (8, 40, "bad.")
    for config in networks:
        usual = FineTuneConfig(mode=config.mode)
        assert config.learning_rate == usual.learning_rate
        assert config.layer_decay == usual.layer_decay


@pytest.mark.parametrize("epochs", [1, 3, 30])
def test_all_modes_have_equal_batches_and_twenty_evaluations(epochs):
    settings = given(epochs=epochs, mode="last-layer")
    for config in plan.plan(settings, ["full", "last-layer"], [0], references=False):
        assert config.batch_size == mode_defaults("full").batch_size
        assert config.epochs == epochs and epochs * config.evaluations >= 20
        assert config.evaluations >= FineTuneConfig().evaluations


def test_a_given_rate_replaces_that_of_the_mode():
    modes = ["full", "last-layer", "gradual"]
    planned = plan.plan(given(), modes, [0], {"last-layer": 0.06}, references=False)
    full, gradual = mode_defaults("full").learning_rate, mode_defaults("gradual").learning_rate
    assert [config.learning_rate for config in planned] == [full, 0.06, gradual]
    # Given, although it is another mode's default.
    planned = plan.plan(given(learning_rate=full, layer_decay="1"), modes, [0])
    assert [(run.learning_rate, run.layer_decay) for run in planned[:3]] == [(full, 1.0)] * 3


def test_references_come_once_and_only_if_asked_for():
    planned = plan.plan(given(), ["full", "tfidf", "full"], [1, 1, 2], references=False)
    assert order(planned) == [("full", 1), ("full", 2), ("tfidf", 1)]


@pytest.mark.parametrize(("modes", "seeds"), [([], [0]), (["full"], []), (["half"], [0])])
def test_an_impossible_plan_is_refused(modes, seeds):
    with pytest.raises(UnfreezeError):
        plan.plan(given(), modes, seeds)


@pytest.mark.slow
def test_all_modes_see_the_same_texts_in_the_same_order_and_evaluate_at_the_same_steps(monkeypatch):
    shuffled = batches.shuffled_batches

    def recorded(seen: list[list[int]], *arguments: Any, **more: Any) -> list[torch.Tensor]:
        result = shuffled(*arguments, **more)
        seen.extend(batch.tolist() for batch in result)
        return result

    seen: dict[tuple[str, int], list[list[int]]] = {}
    steps: dict[tuple[str, int], list[int]] = {}
    start: dict[tuple[str, int], float] = {}
    modes = ["full", "last-layer", "last-2", "gradual", "lp-ft", "scratch"]
    settings = given(epochs=3, batch_size=8, precision="fp32", device="cpu")
    for config in plan.plan(settings, modes, [0, 1], references=False):
        key = (config.mode, config.seed)
        seen[key] = []
        monkeypatch.setattr(batches, "shuffled_batches", partial(recorded, seen[key]))
        events: list[Event] = []
        drain(train.train(config, checkpoints.run_path("made"), "made"), events.append)
        validations = [e for e in events if isinstance(e, Evaluation) and e.split == "val"]
        steps[key] = [event.step for event in validations]
        start[key] = validations[0].loss
        assert [event.step for event in events if isinstance(event, Watched)] == steps[key]
    for seed in (0, 1):
        for mode in modes:
            assert seen[mode, seed] == seen["full", seed]
            assert steps[mode, seed] == steps["full", seed]
            # The same new head on the same body: all but two modes begin at the very same loss.
            same_loss = start[mode, seed] == pytest.approx(start["full", seed], abs=1e-5)
            assert same_loss == (mode not in ("lp-ft", "scratch"))
    first = seen["full", 0]
    epoch = math.ceil(40 / 8)
    assert first != seen["full", 1]
    assert len(first) == 3 * epoch and first[:epoch] != first[epoch : 2 * epoch]


def test_an_experiment_that_cannot_be_queued_whole_is_not_queued(monkeypatch):
    """The disk is full from the second run on."""
    create_run, run_ids = tracking.create_run, []

    def create_run_on_a_disk_that_fills(*arguments, **named):
        if run_ids:
            full_disk.enter_context(disk_limit.limit_file_size(1))
        run_ids.append(create_run(*arguments, **named))
        return run_ids[-1]

    monkeypatch.setattr(tracking, "create_run", create_run_on_a_disk_that_fills)
    with contextlib.ExitStack() as full_disk, pytest.raises(UnfreezeError, match="free some space"):
        plan.submit(plan.plan(given(epochs=1), ["last-layer", "full"], [0]))
    scheduler.shutdown()
    [run_id] = run_ids
    assert tracking.run(run_id).status == "interrupted" and not tracking.waiting()
    tracking.delete(run_id)


def test_an_experiment_goes_through_the_queue_in_order():
    configs = plan.plan(given(epochs=1), ["last-layer", "full"], [0])
    experiment = plan.submit(configs)
    try:
        assert scheduler.queue.join(catalog.run_ids(experiment)[-1], timeout=PATIENCE)
    finally:
        scheduler.shutdown()
    results = catalog.load(experiment)
    assert [result.run.config for result in results] == configs
    assert {result.run.status for result in results} == {"finished"}
    assert len({result.run.facts["split_fingerprint"] for result in results}) == 1
    assert all(result.diagnostics is not None for result in results)
    assert [len(result.watched) > 0 for result in results] == [True, True, False, False, False]
    row = catalog.experiments().iloc[0]
    assert (row["experiment"], row["runs"], row["status"]) == (experiment, len(configs), "finished")
    assert row["name"].startswith("Last layer, Full · sample · ")


def test_nothing_is_queued_if_one_run_cannot_be():
    config = FineTuneConfig.from_dict(given())
    with pytest.raises(UnfreezeError, match="no/where"):
        plan.submit([config, replace(config, source_task_data="no/where")])
    assert tracking.runs().empty
