"""The paired experiment: what it plans, queues, reads back and exports."""

import contextlib
import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from ftcore import paths, tracking
from ftcore.config import REFERENCES, FineTuneConfig, mode_defaults
from ftcore.data import datasets, imdb
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Event, Finished, Progress, Task, Watched, drain
from ftcore.experiments import archive, catalog, plan, verdict
from ftcore.experiments.result import Result
from ftcore.models import checkpoints
from ftcore.runs import train
from ftcore.runs.scheduler import scheduler
from ftcore.text import batches
from tests.helpers import disk_limit, fake_results, small_runs

TEXTS = ["the film is good", "the film is bad", "not bad, the film is good", "not good. bad film"]


@pytest.fixture(autouse=True)
def no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for bundled experiments, and a checkpoint to start from."""
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", tmp_path / "bundled")
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    return tmp_path / "bundled"


def given(**values: object) -> dict[str, object]:
    return {"checkpoint": "starter", "limit": 40, "watch": "bad."} | values


def base(**values: object) -> FineTuneConfig:
    return FineTuneConfig.from_dict(given(**values))


def order(configs: Sequence[FineTuneConfig]) -> list[tuple[str, int]]:
    return [(one.mode, one.seed) for one in configs]


def test_the_runs_differ_in_mode_seed_and_what_the_mode_sets() -> None:
    configs = plan.plan(given(batch_size=8), ["full", "last-layer", "gradual"], [3, 5])
    assert order(configs) == [
        ("full", 3),
        ("last-layer", 3),
        ("gradual", 3),
        ("full", 5),
        ("last-layer", 5),
        ("gradual", 5),
        *((mode, 3) for mode in REFERENCES),
    ]
    networks = configs[:6]
    own = {"mode": "full", "seed": 0, "name": "", "learning_rate": 0.1, "layer_decay": 1.0}
    assert len({replace(one, **own) for one in networks}) == 1  # type: ignore[arg-type]
    assert {one.epochs for one in networks} == {plan.DEFAULT_EPOCHS}
    assert (networks[0].batch_size, networks[0].limit, networks[0].watch) == (8, 40, "bad.")
    for one in networks:
        usual = FineTuneConfig(mode=one.mode)
        assert (one.learning_rate, one.layer_decay) == (usual.learning_rate, usual.layer_decay)


@pytest.mark.parametrize("mode", ["full", "last-layer"])
def test_all_modes_take_batches_of_one_size(mode: str) -> None:
    planned = plan.plan(given(mode=mode), ["full", "last-layer"], [0], references=False)
    assert [one.batch_size for one in planned] == [mode_defaults("full").batch_size] * 2


@pytest.mark.parametrize("epochs", [1, 3, 4, 30])
def test_there_are_twenty_evaluations_a_run_at_least(epochs: int) -> None:
    for one in plan.plan(given(epochs=epochs), ["full", "last-layer"], [0], references=False):
        assert one.epochs == epochs
        assert one.epochs * one.evaluations >= 20
        assert one.evaluations >= base().evaluations


def test_a_rate_is_that_of_the_mode_unless_it_is_said() -> None:
    modes = ["full", "last-layer", "gradual"]
    planned = plan.plan(given(), modes, [0], {"last-layer": 0.06}, references=False)
    assert [one.learning_rate for one in planned] == [
        mode_defaults("full").learning_rate,
        0.06,
        mode_defaults("gradual").learning_rate,
    ]
    full = mode_defaults("full").learning_rate  # chosen, although it is another mode's default
    planned = plan.plan(given(learning_rate=full, layer_decay="1"), modes, [0])
    assert [(one.learning_rate, one.layer_decay) for one in planned[:3]] == [(full, 1.0)] * 3


def test_references_come_once_and_only_where_they_are_asked_for() -> None:
    assert order(plan.plan(given(), ["full", "tfidf", "full"], [1, 1, 2], references=False)) == [
        ("full", 1),
        ("full", 2),
        ("tfidf", 1),
    ]
    assert order(plan.plan(given(), ["full"], [7], references=False)) == [("full", 7)]


@pytest.mark.parametrize(("modes", "seeds"), [([], [0]), (["full"], []), (["half"], [0])])
def test_what_cannot_be_planned_is_a_sentence(modes: list[str], seeds: list[int]) -> None:
    with pytest.raises(UnfreezeError):
        plan.plan(given(), modes, seeds)


def made(name: str, source: str = "") -> Task[datasets.TextDataset]:
    yield Progress("reading", 1, 1, "texts")
    return datasets.TextDataset(
        "sample",
        "Made up",
        imdb.LABELS,
        datasets.Texts(TEXTS * 25, [1, 0, 1, 0] * 25),
        datasets.Texts(TEXTS, [1, 0, 1, 0]),
        "this test",
        True,
        "0123456789abcdef",
    )


def test_all_modes_see_the_same_texts_in_the_same_order_and_evaluate_at_the_same_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datasets, "load", made)
    real = batches.shuffled_batches
    seen: dict[str, list[list[int]]] = {}
    steps: dict[str, list[int]] = {}
    start: dict[str, float] = {}

    modes = ["full", "last-layer", "last-2", "gradual", "scratch"]
    configs = plan.plan(
        given(epochs=3, batch_size=8, precision="fp32", device="cpu"),
        modes,
        [0, 1],
        references=False,
    )
    for config in configs:
        key = f"{config.mode} {config.seed}"

        def recorded(*arguments: object, key: str = key, **more: object) -> list[torch.Tensor]:
            found = real(*arguments, **more)  # type: ignore[arg-type]
            seen.setdefault(key, []).extend(batch.tolist() for batch in found)
            return found

        monkeypatch.setattr(batches, "shuffled_batches", recorded)
        events: list[Event] = []
        drain(train.train(config, checkpoints.run_path("made"), "made"), events.append)
        validations = [
            event for event in events if isinstance(event, Evaluation) and event.split == "val"
        ]
        steps[key] = [event.step for event in validations]
        start[key] = validations[0].loss
        assert [event.step for event in events if isinstance(event, Watched)] == steps[key]
    for seed in (0, 1):
        assert len({json.dumps(seen[f"{mode} {seed}"]) for mode in modes}) == 1
        assert len({tuple(steps[f"{mode} {seed}"]) for mode in modes}) == 1
        # The same new head on the same body: pretrained modes begin at the very same loss.
        pretrained = [start[f"{mode} {seed}"] for mode in modes if mode != "scratch"]
        assert pretrained == pytest.approx([pretrained[0]] * 4)
        assert start[f"scratch {seed}"] != pytest.approx(pretrained[0], abs=1e-4)
    assert seen["full 0"] != seen["full 1"]
    epoch = math.ceil(40 / 8)
    assert len(seen["full 0"]) == 3 * epoch
    assert seen["full 0"][:epoch] != seen["full 0"][epoch : 2 * epoch]


def test_an_experiment_that_cannot_be_queued_whole_is_not_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is full from the second run on."""
    create_run, run_ids = tracking.create_run, []

    def create_run_on_a_disk_that_fills(*arguments: object) -> str:
        if run_ids:
            full_disk.enter_context(disk_limit.limit_file_size(1))
        run_ids.append(create_run(*arguments))
        return run_ids[-1]

    monkeypatch.setattr(tracking, "create_run", create_run_on_a_disk_that_fills)
    with contextlib.ExitStack() as full_disk, pytest.raises(UnfreezeError, match="free some space"):
        plan.submit(plan.plan(given(epochs=1), ["last-layer", "full"], [0]))
    scheduler.shutdown()
    [run_id] = run_ids
    assert tracking.run(run_id).status == "interrupted" and not tracking.waiting()
    tracking.delete(run_id)


def test_an_experiment_goes_through_the_queue_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load", made)
    configs = plan.plan(given(epochs=1), ["last-layer", "full"], [0])
    experiment = plan.submit(configs)
    ids = catalog.run_ids(experiment)
    try:
        assert scheduler.queue.join(ids[-1], timeout=60)
    finally:
        scheduler.shutdown()
    found = catalog.load(experiment)
    assert [one.run.config for one in found] == configs
    assert {one.run.status for one in found} == {"finished"}
    assert len({one.run.facts["split_fingerprint"] for one in found}) == 1
    assert all(one.diagnostics is not None for one in found)
    assert [len(one.watched) > 0 for one in found] == [True, True] + [False] * len(REFERENCES)
    row = catalog.experiments().iloc[0]
    assert (row["experiment"], row["runs"], row["status"]) == (experiment, len(configs), "finished")
    assert row["name"].startswith("Last layer, Full · sample · ")


def test_nothing_is_queued_where_one_run_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = base(), replace(base(), source_task_data="no/where")
    with pytest.raises(UnfreezeError, match="no/where"):
        plan.submit([good, bad])
    assert tracking.runs().empty


def test_experiments_are_listed_newest_first_with_the_state_they_are_in() -> None:
    states = {
        "running": ["finished", "running", "queued"],
        "queued": ["finished", "queued"],
        "failed": ["finished", "failed"],
        "stopped": ["stopped", "finished"],
        "finished": ["finished", "finished"],
    }
    for experiment, runs in states.items():
        for status in runs:
            small_runs.run(status, saved=False, experiment=experiment)
        small_runs.run(saved=False)  # stands alone
    found = catalog.experiments()
    assert found["experiment"].tolist() == list(states)[::-1]
    assert found["status"].tolist() == list(states)[::-1]
    assert found["runs"].tolist() == [len(runs) for runs in states.values()][::-1]
    assert found["name"][0] == "Finished"


def test_an_unknown_experiment_is_a_sentence() -> None:
    small_runs.run(saved=False)
    for name in ("nothing", "", "../x", catalog.BUNDLED):
        with pytest.raises(UnfreezeError, match="no experiment"):
            catalog.load(name)
    assert catalog.experiments().empty


def test_any_runs_are_loaded_in_the_order_that_is_asked_for() -> None:
    first, second = small_runs.run(saved=False), small_runs.run(saved=False, mode="last-layer")
    found = catalog.load([second, first])
    assert [one.run.run_id for one in found] == [second, first]
    assert len(found[0].history) == 3
    assert found[0].diagnostics is None


def test_a_run_that_goes_on_is_read_anew() -> None:
    run_id = small_runs.run("running", saved=False, experiment="one")
    before = len(catalog.load("one")[0].history)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Evaluation("val", 8, 1.0, 4.0, 256, 0.4, 0.8))
        recorder.write(Finished("finished", "Done."))
    assert len(catalog.load("one")[0].history) == before + 1


def exported(folder: Path) -> list[Result]:
    """An experiment of two runs, with all that a run leaves, written to a folder."""
    for mode in ("full", "last-layer"):
        run_id = small_runs.run(
            saved=False, experiment="one", mode=mode, source=str(folder.parent), watch="A film."
        )
        with tracking.Recorder(run_id) as recorder:
            recorder.write(Watched(0, 0.0, 0.0, 0, ((0.25, 0.75),)))
            recorder.write(Finished("finished", "Done.", {"test_accuracy": 2 / 3}))
        made = fake_results.result(mode, 900).diagnostics
        assert made is not None
        made.write(checkpoints.run_path(run_id).parent)
    catalog.export("one", folder)
    return catalog.load("one")


def test_what_is_exported_is_read_back_without_the_record(
    no_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = exported(no_bundle / "sample")
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "another home"))
    after = catalog.load(catalog.BUNDLED)
    for old, new in zip(before, after, strict=True):
        assert replace(new.run.config, source=old.run.config.source) == old.run.config
        for name in ("run_id", "name", "status", "message", "facts", "notes", "metrics"):
            assert getattr(new.run, name) == getattr(old.run, name), name
        assert abs((new.run.created - old.run.created).total_seconds()) < 1
        pd.testing.assert_frame_equal(new.history, old.history)
        pd.testing.assert_frame_equal(new.watched, old.watched)
        assert new.diagnostics is not None and old.diagnostics is not None
        assert new.diagnostics.probabilities.tolist() == old.diagnostics.probabilities.tolist()
        assert (new.run.experiment, new.run.experiment_name) == ("sample", "One")
    row = catalog.experiments().iloc[0]
    assert (row["experiment"], row["name"], row["runs"]) == ("sample", "One", 2)
    ids = catalog.run_ids("sample")
    assert [one.run.run_id for one in catalog.load(ids[::-1])] == ids[::-1]


def test_the_bundled_one_is_listed_last(no_bundle: Path) -> None:
    exported(no_bundle / "sample")
    assert catalog.experiments()["experiment"].tolist() == ["one", "sample"]


def test_no_path_or_host_is_exported(tmp_path: Path) -> None:
    exported(tmp_path / "out")
    text = (tmp_path / "out" / "experiment.json").read_text()
    run = json.loads(text)["runs"][0]
    assert str(tmp_path) not in text
    assert (run["config"]["source"], run["host"], run["pid"]) == ("", "", 0)


def test_only_what_is_over_is_exported_and_nothing_is_overwritten(tmp_path: Path) -> None:
    small_runs.run("running", saved=False, experiment="two")
    with pytest.raises(UnfreezeError, match="not over"):
        catalog.export("two", tmp_path / "out")
    small_runs.run(saved=False, experiment="one")
    with pytest.raises(UnfreezeError, match="already there"):
        catalog.export("one", tmp_path)
    assert "out" not in os.listdir(tmp_path)


def test_a_broken_export_is_a_sentence_and_hides_nothing_else(no_bundle: Path) -> None:
    for broken in ("{", "[]", '{"format": 1}', '{"format": 2, "runs": []}'):
        (no_bundle / "sample").mkdir(parents=True, exist_ok=True)
        (no_bundle / "sample" / "experiment.json").write_text(broken)
        with pytest.raises(UnfreezeError, match="sample"):
            archive.read(no_bundle / "sample")
    small_runs.run(saved=False, experiment="one")
    assert catalog.experiments()["experiment"].tolist() == ["one"]
    with pytest.raises(UnfreezeError, match="no experiment 'sample'"):
        catalog.load("sample")


def test_an_export_that_lost_a_table_is_a_sentence(tmp_path: Path) -> None:
    exported(tmp_path / "out")
    (tmp_path / "out" / "full-0" / "history.csv").unlink()
    with pytest.raises(UnfreezeError, match="export it again"):
        archive.read(tmp_path / "out")


def test_the_bundled_experiment_is_whole_and_small() -> None:
    folder = paths.ROOT / "experiments" / catalog.BUNDLED
    found = archive.read(folder)
    modes = ["full", "last-layer", "gradual", "scratch", "tfidf", "majority"]
    assert [one.run.config.mode for one in found] == modes
    assert len(verdict.summary(found)) > 50
    assert {(one.run.status, one.run.config.dataset) for one in found} == {("finished", "sample")}
    for one in found[:4]:
        assert any(line.startswith("I expected to hate it, but") for line in one.run.config.watched)
        assert sorted(one.watched["sentence"].unique()) == [0, 1, 2, 3]
        assert (one.history["split"] == "val").sum() > 20
        assert one.diagnostics is not None
        texts = dataset_texts.load(
            one.run.facts["dataset_fingerprint"]
        )  # nothing was ever run here
        assert len(texts) == len(one.diagnostics.truth) == len(one.diagnostics.map_before) == 1_000
        assert (one.diagnostics.forgot is None) == (one.run.config.mode == "scratch")
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 500_000
    said = "".join(file.read_text("utf-8") for file in files if file.suffix in (".csv", ".json"))
    assert not re.search(r"(?<!\w)/(work|home|root|tmp|Users)/", said)
