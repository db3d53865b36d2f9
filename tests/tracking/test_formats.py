"""What a newer version wrote, or what is invalid, is refused with a sentence and hides nothing else."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import ARRAYS, METADATA, Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Noted, Started
from ftcore.experiments import catalog
from ftcore.models import checkpoints
from ftcore.text.words import of_words
from ftcore.tracking.address import tracking_uri
from tests.helpers import small_runs


def set_tags(run_id: str, **tags: str) -> None:
    client = MlflowClient(tracking_uri=tracking_uri())
    for key, value in tags.items():
        client.set_tag(run_id, f"unfreeze.{key}", value)


def test_runs_of_earlier_versions_open():
    """Before 0.1.0 with the progress in one string, in 0.1.0 with labels joined by commas."""
    run_id = tracking.create_run(FineTuneConfig())
    set_tags(run_id, progress="40|100|texts", phase="encoding", facts='{"labels": "bad, good"}')
    tracking.finish(run_id, Finished("finished", "Done."))
    run = tracking.run(run_id)
    assert (run.status, run.phase_done, run.facts) == ("finished", 0, {"labels": ["bad", "good"]})


def test_run_of_a_newer_version_is_listed_but_cannot_be_used():
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    newer, ours = small_runs.run(name="Newer"), small_runs.run("running", saved=False, name="Ours")
    set_tags(newer, format="2", config='{"things": "unheard of"}', status="dreaming")
    table = tracking.runs().set_index("run_id")
    assert table.loc[ours, "status"] == "running"
    assert table.loc[newer, "status"] == "unreadable"
    message = "Newer was written by a newer version of Unfreeze; update to open it."
    assert table.loc[newer, "message"] == message
    for use in (tracking.run, tracking.delete, lambda run_id: catalog.load([run_id])):
        with pytest.raises(UnfreezeError, match=message):
            use(newer)


def test_invalid_runs_are_listed_as_unreadable_and_can_be_deleted():
    valid = tracking.create_run(FineTuneConfig(name="Valid"), "mine", "Mine")
    invalid = []
    configs = ["{", "[]", '"x"', '{"mode": "renamed"}', '{"mode": []}', '{"epochs": "many"}']
    others = {
        "facts": "{",
        "notes": "]",
        "phase_progress": "[1]",
        "place": "x",
        "format": "x",
    }
    for key, value in [*(("config", config) for config in configs), *others.items()]:
        invalid.append(tracking.create_run(FineTuneConfig(), "mine", "Mine"))
        set_tags(invalid[-1], **{key: value})
    table = tracking.runs().set_index("run_id")
    assert table.loc[valid, "status"] == "queued"
    assert set(table.loc[invalid, "status"]) == {"unreadable"}
    assert catalog.run_ids("mine") == [valid]
    assert len(catalog.experiments()) == 1 + len(catalog.BUNDLED)
    tracking.close_interrupted()
    for run_id in invalid:
        with pytest.raises(UnfreezeError, match="cannot be read; delete this run"):
            tracking.run(run_id)
        tracking.delete(run_id)
    assert tracking.runs()["run_id"].tolist() == [valid]


@pytest.mark.parametrize(
    ("words", "vectors"),
    [("e16397cedffc2849", "fb7965ced9d310d1"), ("040e26c5489c4e77", "28a1975820851c55")],
)
def test_word_vectors_of_each_starter_stay(words, vectors):
    """Runs that did not train the word vectors load those of the starter that they began with."""
    run_id = small_runs.run(saved=False)
    old = replace(checkpoints.find("starter"), ref=run_id, words="starter", words_fingerprint=words)
    owner = checkpoints.words_owner(old)
    content = (owner.path / checkpoints.WORDS).read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == vectors
    stored = json.loads((owner.path / checkpoints.VOCABULARY).read_text("utf-8"))
    assert of_words(stored) == words


def test_diagnostics_may_lack_arrays_but_have_no_unknown_ones(tmp_path):
    probabilities = np.array([[0.6, 0.4], [0.2, 0.8]], np.float32)
    arrays = {"truth": np.array([0, 1]), "probabilities": probabilities}
    rest = {"labels": ["bad", "good"], "moved": {"head": 0.5}, "forgot": None}
    (tmp_path / METADATA).write_text(json.dumps(rest))
    np.savez(tmp_path / ARRAYS, **arrays)
    older = Diagnostics.read(tmp_path)
    assert older is not None and older.labels == ("bad", "good") and len(older.map_rows) == 0
    np.savez(tmp_path / ARRAYS, **arrays, unknown=arrays["truth"])
    assert Diagnostics.read(tmp_path) is None


def test_facts_and_notes_of_any_length_are_kept_whole():
    """MLflow cuts a tag after 8,000 characters: 200 classes with long names, and a note for each."""
    labels = [f"{number} \u4e2d\u6587 " + "of many words " * 9 for number in range(200)]
    run_id = tracking.create_run(FineTuneConfig())
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started({"labels": labels}, tuple(labels)))
        recorder.write(Noted("one more"))
        recorder.write(Finished("finished", "Over."))
    run = tracking.run(run_id)
    assert run.facts == {"labels": labels} and run.notes == [*labels, "one more"]
    with tracking.Recorder(run_id) as recorder:  # a resumed run may have less to say
        recorder.write(Started({"labels": ["a"]}, ("short",)))
        recorder.write(Finished("finished", "Over."))
    run = tracking.run(run_id)
    assert (run.facts, run.notes) == ({"labels": ["a"]}, ["short"])
