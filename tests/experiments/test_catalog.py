"""Experiments are listed, loaded, exported and read back."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ftcore import paths, tracking
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Finished, Watched
from ftcore.experiments import archive, catalog, verdict
from ftcore.experiments.result import Result
from ftcore.models import checkpoints
from tests.helpers import fake_results, small_runs


@pytest.fixture(autouse=True)
def bundled(tmp_path, monkeypatch):
    """An empty folder in place of the bundled experiments."""
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", tmp_path / "bundled")
    return tmp_path / "bundled"


def exported(folder: Path) -> list[Result]:
    """Export an experiment of two runs, with all that a run leaves, to a folder."""
    for mode in ("full", "last-layer"):
        settings = {"mode": mode, "source": str(folder.parent), "watch": "A film."}
        run_id = small_runs.run(saved=False, experiment="one", **settings)
        with tracking.Recorder(run_id) as recorder:
            recorder.write(Watched(0, 0.0, 0.0, 0, ((0.25, 0.75),)))
            recorder.write(Finished("finished", "Done.", {"test_accuracy": 2 / 3}))
        diagnostics = fake_results.result(mode, 900).diagnostics
        assert diagnostics is not None
        diagnostics.write(checkpoints.run_path(run_id).parent)
    catalog.export("one", folder)
    return catalog.load("one")


def test_experiments_are_listed_newest_first_with_their_status():
    statuses = ["running", "queued", "failed", "stopped", "finished"]
    for experiment in statuses:
        others = ["queued"] if experiment == "running" else []
        for status in ("finished", experiment, *others):
            small_runs.run(status, saved=False, experiment=experiment)
        small_runs.run(saved=False)  # belongs to none
    listed = catalog.experiments()
    assert listed["experiment"].tolist() == listed["status"].tolist() == statuses[::-1]
    assert listed["runs"].tolist() == [2, 2, 2, 2, 3]
    assert listed["finished"].tolist() == [2, 1, 1, 1, 1]
    assert listed["name"][0] == "Finished"


def test_an_unknown_experiment_is_refused():
    small_runs.run(saved=False)
    for name in ("nothing", "", "../x", *catalog.BUNDLED):
        with pytest.raises(UnfreezeError, match="no experiment"):
            catalog.load(name)
    assert catalog.experiments().empty


def test_runs_are_loaded_in_the_given_order():
    run_ids = [small_runs.run(saved=False), small_runs.run(saved=False, mode="last-layer")][::-1]
    assert [result.run.run_id for result in catalog.load(run_ids)] == run_ids


def test_a_run_that_goes_on_is_read_again():
    run_id = small_runs.run("running", saved=False, experiment="one")
    before = len(catalog.load("one")[0].history)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Evaluation("val", 8, 1.0, 4.0, 256, 0.4, 0.8))
        recorder.write(Finished("finished", "Done."))
    assert len(catalog.load("one")[0].history) == before + 1


def test_an_export_reads_back_without_the_record_and_is_listed_last(bundled, tmp_path, monkeypatch):
    before = exported(bundled / "sample")
    assert catalog.experiments()["experiment"].tolist() == ["one", "sample"]
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "another home"))
    after = catalog.load("sample")
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


def test_bundled_experiments_are_listed_in_their_order_without_missing_ones(bundled, monkeypatch):
    monkeypatch.setattr(catalog, "BUNDLED", ("lead", "gone", "sample"))
    for name in ("sample", "lead"):
        exported(bundled / name)
    assert catalog.experiments()["experiment"].tolist() == ["one", "lead", "sample"]
    assert {result.run.experiment for result in catalog.load("lead")} == {"lead"}
    with pytest.raises(UnfreezeError, match="no experiment 'gone'"):
        catalog.load("gone")


def test_no_path_or_host_is_exported_and_a_lost_table_is_an_error(tmp_path):
    exported(tmp_path / "out")
    text = (tmp_path / "out" / "experiment.json").read_text()
    run = json.loads(text)["runs"][0]
    assert str(tmp_path) not in text
    assert (run["config"]["source"], run["host"], run["pid"]) == ("", "", 0)
    (tmp_path / "out" / "full-0" / "history.csv").unlink()
    with pytest.raises(UnfreezeError, match="export it again"):
        archive.read(tmp_path / "out")


def test_only_ended_experiments_are_exported_and_only_to_new_folders(tmp_path):
    small_runs.run("running", saved=False, experiment="two")
    with pytest.raises(UnfreezeError, match="not over"):
        catalog.export("two", tmp_path / "out")
    small_runs.run(saved=False, experiment="one")
    with pytest.raises(UnfreezeError, match="already there"):
        catalog.export("one", tmp_path)
    assert "out" not in os.listdir(tmp_path)


def test_a_broken_export_is_refused_and_hides_nothing_else(bundled):
    (bundled / "sample").mkdir(parents=True)
    for broken in ('{"format": 1}', '{"format": 2, "runs": []}'):
        (bundled / "sample" / "experiment.json").write_text(broken)
        with pytest.raises(UnfreezeError, match="sample"):
            archive.read(bundled / "sample")
    small_runs.run(saved=False, experiment="one")
    assert catalog.experiments()["experiment"].tolist() == ["one"]


def test_the_bundled_experiment_is_complete_and_small():
    """It has the format of an earlier version."""
    folder = paths.ROOT / "experiments" / "sample"
    results = archive.read(folder)
    modes = ["full", "last-layer", "gradual", "scratch", "tfidf", "majority"]
    assert [result.run.config.mode for result in results] == modes
    assert len(verdict.summary(results)) > 50
    for result in results:
        assert (result.run.status, result.run.config.dataset) == ("finished", "sample")
        assert result.run.facts["labels"] == ["negative", "positive"]
    for result in results[:4]:
        config, diagnostics = result.run.config, result.diagnostics
        assert any(line.startswith("I expected to hate it, but") for line in config.watched)
        assert sorted(result.watched["sentence"].unique()) == [0, 1, 2, 3]
        assert (result.history["split"] == "val").sum() > 20
        assert diagnostics is not None
        texts = dataset_texts.load(result.run.facts["dataset_fingerprint"])  # no run was here
        assert len(texts) == len(diagnostics.truth) == len(diagnostics.map_before) == 1_000
        assert (diagnostics.forgot is None) == (config.mode == "scratch")


def test_bundled_experiments_are_listed_small_and_name_no_path():
    for folder in (paths.ROOT / "experiments").iterdir():
        assert folder.name in catalog.BUNDLED
        assert [each.run for each in archive.read(folder)] == archive.read_runs(folder)
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert sum(file.stat().st_size for file in files) < 2_000_000
        text = "".join(
            file.read_text("utf-8") for file in files if file.suffix in (".csv", ".json")
        )
        assert not re.search(r"(?<!\w)/(work|home|root|tmp|Users)/", text)


def test_a_run_in_short_keeps_validations_and_a_few_points_of_training():
    steps = np.arange(1, 201)
    training = pd.DataFrame({"step": steps, "loss": 1 / steps, "split": "train"})
    others = pd.DataFrame({"step": [0, *steps[9::10], 200], "split": ["val"] * 21 + ["test"]})
    history = pd.concat([training, others], ignore_index=True)
    short = archive.in_short(replace(fake_results.result(), history=history))
    kept = short.history[short.history["split"] == "train"]["step"]
    assert len(kept) == 50 and kept.is_monotonic_increasing
    assert kept.iloc[[0, -1]].tolist() == [1, 200] and set(kept.diff().dropna()) <= {4, 5}
    assert (short.history["split"] != "train").sum() == 22
    few = history[history["split"] != "train"]
    assert archive.in_short(replace(fake_results.result(), history=few)).history.equals(few)
