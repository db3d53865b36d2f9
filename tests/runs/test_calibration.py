"""A run is calibrated: kept beside its weights, used by predictions, refused where nothing is promised."""

import json
from dataclasses import replace

import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.data import datasets, imdb
from ftcore.data.store import labelling
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, drain
from ftcore.inference import explanation, prediction
from ftcore.models import calibration as kept_calibration, checkpoint_files, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.models.checkpoints import CALIBRATION
from ftcore.runs import calibration
from tests.helpers import own_data, paused_runs, small_runs

KEYS = ["temperature", "ece_before", "ece_after", "coverage", "target", "validation_texts"]
TEXTS = ["the film is good", "the film is bad", "not good", "not bad"] * 100
LABELS = [1, 0, 0, 1] * 99 + [0, 1, 1, 0]  # the model cannot be right about all


def texts_of(labels, count):
    """Texts with the given labels in turn, `count` of them for validation."""
    train = datasets.Texts(TEXTS[: len(labels)], labels)
    test = datasets.Texts(TEXTS, LABELS)
    about = ("this test", True, "0123456789abcdef")
    rows = tuple(range(len(labels) - count, len(labels)))
    parts = ("sample", "Made up", imdb.LABELS, train, test, *about)
    return datasets.TextDataset(*parts, val_rows=rows)


@pytest.fixture
def data(monkeypatch):
    """The dataset in place of the sample; a test may put another into the list."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    current = [texts_of(LABELS, 200)]

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1)
        return current[0]

    monkeypatch.setattr(datasets, "load", load)
    return current


def finished(**values):
    return paused_runs.finished(small_runs.config(**values))


def calibrated(run_id, *options):
    return main(["calibrate", run_id, *options, "--json"])


@pytest.mark.slow
def test_a_calibrated_run_predicts_with_its_temperature_and_names_sets(data, capsys):
    run_id = finished()
    [plain] = prediction.predict(run_id, TEXTS[:1])
    assert plain.label_set == [] and not plain.not_sure

    assert calibrated(run_id, "--target", "0.9") == 0
    *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(last)[:6] == KEYS
    assert (last["target"], last["validation_texts"], last["test_texts"]) == (0.9, 200, 400)
    assert last["ece_after"] <= last["ece_before"]
    assert last["coverage"] == pytest.approx(sum(last["coverage_per_class"].values()) / 2)
    assert last["test_texts_per_class"] == {"negative": 200, "positive": 200}
    for label, (low, high) in last["coverage_interval_per_class"].items():
        assert low < last["coverage_per_class"][label] < high
    assert sum(each["texts"] for each in last["reliability_after"]) == 400
    answered = [each["answered"] for each in last["by_threshold"]]
    assert answered[0] == 1 and answered == sorted(answered, reverse=True)

    assert main(["predict", "--run", run_id, *TEXTS[:2], "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    thresholds = last["probability_thresholds"]
    for answer in answers:
        assert answer["temperature"] == last["temperature"] != 1
        expected = [name for name, p in answer["probabilities"].items() if p >= thresholds[name]]
        assert answer["set"] == expected
        assert answer["not_sure"] == (len(expected) != 1)
    assert answers[0]["probabilities"]["positive"] != pytest.approx(plain.probabilities["positive"])
    reason = explanation.explain(run_id, TEXTS[0])
    assert reason.probability == pytest.approx(answers[0]["probabilities"][reason.label])

    assert main(["predict", "--run", run_id, TEXTS[0], "--raw", "--json"]) == 0
    raw = json.loads(capsys.readouterr().out)
    assert raw["probabilities"] == pytest.approx(plain.probabilities) and "set" not in raw

    checkpoint_files.export(checkpoints.find(run_id), paths.checkpoints_dir() / "copy")
    [copied] = prediction.predict("copy", TEXTS[:1])
    assert copied.probabilities == pytest.approx(answers[0]["probabilities"])


def test_a_calibration_does_not_count_for_other_weights_and_a_damaged_one_is_refused(data):
    run_id = finished()
    version = checkpoints.find(run_id).version
    drain(calibration.calibrate(run_id, 0.9))
    checkpoint = checkpoints.find(run_id)
    assert checkpoint.version != version  # pages keep explanations by it
    assert kept_calibration.read(checkpoint)
    assert kept_calibration.read(replace(checkpoint, weights_fingerprint="other")) is None
    file = checkpoint.path / CALIBRATION
    file.write_text(file.read_text().replace('"target": 0.9', '"target": 0.8'))
    with pytest.raises(
        UnfreezeError, match=r"calibration\.json cannot be read; calibrate it again"
    ):
        prediction.predict(run_id, TEXTS[:1])
    assert prediction.predict(run_id, TEXTS[:1], raw=True)
    drain(calibration.calibrate(run_id, 0.9))
    assert prediction.predict(run_id, TEXTS[:1])


def test_a_calibration_of_an_earlier_version_is_read_without_figures():
    base = small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    kept = Calibration(2.0, 0.9, dict.fromkeys(base.labels, 0.3), 40)
    kept_calibration.write(base, replace(kept, figures={"test_texts": 1}))
    values = json.loads((base.path / CALIBRATION).read_text()) | {"format": 1}
    del values["figures"]
    (base.path / CALIBRATION).write_text(
        json.dumps(values | {"checksum": checkpoints.checksum(values)})
    )
    assert kept_calibration.read(base) == kept


def test_the_scores_of_the_test_are_those_that_the_run_kept(data, monkeypatch):
    run_id = finished()
    kept = drain(calibration.calibrate(run_id))
    monkeypatch.setattr(calibration.Diagnostics, "of_run", lambda run_id: None)
    computed = drain(calibration.calibrate(run_id))
    assert computed.figures["ece_after"] == pytest.approx(kept.figures["ece_after"], abs=0.02)
    assert replace(computed, figures=kept.figures) == kept

    checkpoint_files.export(checkpoints.find(run_id), paths.checkpoints_dir() / "copy")
    assert drain(calibration.calibrate("copy")) == computed
    assert kept_calibration.read(checkpoints.find("copy")) == computed


def test_a_class_with_few_validation_texts_stands_in_every_set_and_it_is_said(data):
    data[0] = texts_of([*LABELS[:200], *[1, 0, 0, 1] * 2, *[1, 1] * 11], 30)
    events = []
    kept = drain(calibration.calibrate(finished()), events.append)
    [note] = [event.note for event in events if isinstance(event, Noted)]
    assert note == (
        "A promise of 95% takes 19 validation texts of a class. negative has fewer, and so stands in every "
        "set: add validation texts, or lower the target."
    )
    assert kept.in_every_set == ["negative"]
    assert kept.figures["coverage_per_class"]["negative"] == 1


@pytest.mark.slow
def test_labels_corrected_since_the_training_change_nothing(tmp_path):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    stored = own_data.add_reviews(tmp_path, 300)
    run_id = finished(dataset="mine")
    kept = drain(calibration.calibrate(run_id, 0.9))
    for label in stored.labels:
        labelling.change(stored, [labelling.Change(0, (label,))], "ann")
    assert datasets.find_spec("mine").fingerprint != stored.fingerprint
    assert drain(calibration.calibrate(run_id, 0.9)) == kept


@pytest.mark.parametrize(
    ("labels", "validation", "sentence"),
    [
        (LABELS[:103], 3, "3 validation texts allow no promise of 95%: that takes 19 of a class"),
        ([*LABELS[:200], *[1] * 30], 30, "No validation text is of negative"),
    ],
)
def test_too_few_validation_texts_are_refused(data, labels, validation, sentence):
    data[0] = texts_of(labels, validation)
    run_id = finished()
    with pytest.raises(UnfreezeError, match=sentence):
        drain(calibration.calibrate(run_id))
    assert not (checkpoints.run_path(run_id) / CALIBRATION).exists()


@pytest.mark.slow
def test_what_has_no_model_or_no_longer_its_data_is_refused_in_a_sentence(
    data, capsys, monkeypatch
):
    def refusal(ref):
        capsys.readouterr()
        status = calibrated(ref)
        message = capsys.readouterr().err
        assert status and message.count("\n") == 1
        return message

    assert "base was not trained here" in refusal("base")
    assert "starter comes with Unfreeze and stays as it is: copy it" in refusal("starter")
    several = {"thresholds": (0.5, 0.5), "origin": {"config": small_runs.config().to_dict()}}
    folder = paths.checkpoints_dir() / "several"
    small_runs.checkpoint(folder, "several", imdb.LABELS, "sample", **several)
    assert "is for models of one label a text" in refusal("several")
    assert "is a reference" in refusal(paused_runs.finished(small_runs.config(mode="majority")))
    assert "kept no model" in refusal(finished(keep_model=False))
    assert "not finished" in refusal(tracking.create_run(small_runs.config()))
    run_id = finished()
    data[0] = replace(data[0], fingerprint="another")
    assert "are not those that this model was trained on" in refusal(run_id)
    monkeypatch.setattr(datasets, "find", lambda name: None)
    assert "gone or damaged" in refusal(run_id)
