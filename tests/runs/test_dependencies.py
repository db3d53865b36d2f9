"""A stopped run goes on with what it began with, or is refused until that is put back."""

import json
import shutil

import numpy as np
import pytest
import torch

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Started
from ftcore.exchange import script
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.tracking import store
from ftcore.training import snapshots
from tests.helpers import small_runs
from tests.helpers.paused_runs import assert_same_outcome, execute, finished, paused

pytestmark = pytest.mark.slow

MODES = {
    "full": {"train_embeddings": True},
    "last-layer": {},
    "last-2": {},
    "gradual": {},
    "scratch": {},
    "linear-probe": {"epochs": None, "batch_size": None, "learning_rate": None},
}


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    return small_runs.small_sample(monkeypatch)


def refused(run_id):
    """The message with which a run is refused; it stays resumable."""
    assert execute(run_id) == "interrupted"
    message = tracking.run(run_id).message
    assert "not what this run began with" in message and "can be resumed" in message
    return message


def stopped(config):
    """A run that was paused: while it trains, or once it has begun for a reference."""
    if config.mode != "linear-probe":
        return paused(config)
    run_id, request = tracking.create_run(config), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Started):
            request.action = "pause"
    assert tracking.run(run_id).status == "paused"
    return run_id


@pytest.mark.parametrize("mode", MODES)
def test_a_run_whose_parent_trained_on_is_refused_in_every_mode(mode):
    parent = finished(small_runs.config(train_embeddings=True))
    path = checkpoints.run_path(parent)
    config = small_runs.config(checkpoint=parent, mode=mode, **MODES[mode])
    undisturbed, run_id = finished(config), stopped(config)
    shutil.copytree(path, paths.home() / "kept")
    small_runs.checkpoint(path, parent, ("negative", "positive"), "sample", seed=7)
    assert "checkpoint it starts from" in refused(run_id)
    if mode != "linear-probe":  # it has no code
        with pytest.raises(UnfreezeError, match="checkpoint it starts from"):
            script.script(undisturbed)
    shutil.rmtree(path)
    shutil.copytree(paths.home() / "kept", path)
    assert execute(run_id) == "finished"
    if mode == "linear-probe":  # it keeps no model
        figures = [tracking.run(key).metrics["test_accuracy"] for key in (run_id, undisturbed)]
        assert figures[0] == figures[1]
    else:
        assert_same_outcome(undisturbed, run_id)


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_pretraining_whose_vectors_file_changed_is_refused(tmp_path, snapshot):
    file = tmp_path / "vectors.txt"

    def write(seed):
        rows = np.random.default_rng(seed).normal(size=(len(small_runs.WORDS) - 2, 8)).round(3)
        words = zip(small_runs.WORDS[2:], rows.tolist(), strict=True)
        file.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in words))

    write(seed=0)
    config = small_runs.config(checkpoint="new", vectors=str(file), words=100, feedforward=8)
    run_id = paused(config)
    if not snapshot:  # killed before the first one
        snapshots.discard(checkpoints.run_path(run_id))
    write(seed=1)
    assert "word vectors" in refused(run_id)
    write(seed=0)
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(config), run_id)


def test_a_setting_changed_in_the_record_is_refused():
    run_id = paused(small_runs.config())
    client, _ = store.connect()
    settings = tracking.run(run_id).config.to_dict()
    for name, value in (("epochs", 4), ("weight_decay", 0.5)):
        client.set_tag(run_id, store.tag("config"), json.dumps(settings | {name: value}))
        assert name.replace("_", " ").capitalize() in refused(run_id)
    client.set_tag(run_id, store.tag("config"), json.dumps(settings | {"name": "Renamed"}))
    assert execute(run_id) == "finished"


def test_another_number_of_threads_is_noted_and_recorded():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        run_id = paused(small_runs.config())
        assert tracking.run(run_id).facts["threads"] == "1"
        torch.set_num_threads(2)
        assert execute(run_id) == "finished"
    finally:
        torch.set_num_threads(threads)
    run = tracking.run(run_id)
    assert run.facts["threads"] == "1, then 2"
    assert checkpoints.find(run_id).origin["threads"] == "1, then 2"
    assert any("number of threads 2, before 1" in note for note in run.notes)


@pytest.mark.parametrize("mode", ["full", "last-layer"])
def test_damage_in_the_cache_changes_no_result(mode):
    config = small_runs.config(mode=mode)
    intact = finished(config)
    arrays = [file for file in paths.cache_dir().rglob("*.npy") if file.stat().st_size > 200]
    assert len(arrays) > 2
    for file in arrays:
        content = bytearray(file.read_bytes())
        content[-1] ^= 128  # the sign of a number, and an id out of range
        file.write_bytes(content)
    assert_same_outcome(intact, finished(config))
