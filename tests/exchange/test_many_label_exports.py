"""What leaves a run of several labels a text, and what is refused in one sentence."""

import json

import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from ftcore.exchange import huggingface, huggingface_export, script
from ftcore.inference import prediction
from ftcore.models import checkpoints
from ftcore.runs.checks import check_config
from tests.helpers import paused_runs, small_encoders, small_runs
from tests.helpers.own_data import add

pytestmark = pytest.mark.slow
LABELS = ("good", "bad", "not")
TEXTS = ["the film is good", "it is bad", "the film"]


@pytest.fixture(autouse=True)
def aspects(tmp_path):
    """A stored dataset in which a text has each label whose name is a word of it."""
    file = tmp_path / "aspects.jsonl"
    chosen = [[label for bit, label in enumerate(LABELS) if n >> bit & 1] for n in range(120)]
    lines = [
        {"text": f"the film is {' '.join(labels)} number {n}", "labels": labels}
        for n, labels in enumerate(chosen)
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    return add(file, "aspects")


def test_class_weights_and_the_code_are_refused(aspects):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    with pytest.raises(UsageError, match=r"have no weights: omit the class weights"):
        check_config(small_runs.config(dataset="aspects", class_weights="balanced"))
    run_id = paused_runs.finished(small_runs.config(dataset="aspects", mode="full", limit=0))
    with pytest.raises(UnfreezeError, match=r"several labels cannot be shown yet; choose a run on"):
        script.script(run_id)


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_folder_for_transformers_answers_as_the_run_does(tmp_path, mode):
    from transformers import AutoConfig, pipeline

    folder = small_encoders.write_folder(tmp_path / "small-bert")
    drain(huggingface.import_encoder(str(folder)))
    values = {"dataset": "aspects", "checkpoint": "small-bert", "max_length": 32, "epochs": 1}
    config = small_runs.config(**values, mode=mode, pooling="first", limit=0)
    checkpoint = checkpoints.find(paused_runs.finished(config))
    drain(huggingface_export.write(checkpoint.ref, tmp_path / "out"))
    about = AutoConfig.from_pretrained(tmp_path / "out")
    assert about.problem_type == "multi_label_classification"
    assert tuple(about.id2label.values()) == LABELS[1::-1] + LABELS[2:]
    answers = pipeline("text-classification", str(tmp_path / "out"), top_k=None)(TEXTS)
    card = (tmp_path / "out" / "README.md").read_text()
    for answer, ours in zip(answers, prediction.predict(checkpoint.ref, TEXTS), strict=True):
        scores = {entry["label"]: entry["score"] for entry in answer}
        assert scores == pytest.approx(ours.probabilities, abs=1e-4)
        assert sum(scores.values()) != pytest.approx(1, abs=0.01)  # each label has its own
        for label, threshold in ours.thresholds.items():
            assert f"{label} {threshold:.3f}" in card
            assert (scores[label] >= threshold) == (label in ours.labels)
