"""The model card: metadata that the Hub reads, figures of the run, and names that cannot break it."""

import numpy as np
import pytest
from huggingface_hub import ModelCard

from ftcore.data import imdb
from ftcore.diagnostics.results import Diagnostics
from ftcore.exchange import model_card
from ftcore.exchange.takeaway import facts
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from tests.helpers import small_runs


@pytest.fixture
def trained(home):
    """A run on a parent of the Hub, which answered 30 of 40 texts right."""
    origin = {"hub": "someone/tiny", "revision": "a" * 40, "license": "apache-2.0"}
    small_runs.checkpoint(home / "checkpoints" / "base", "base", origin=origin)
    run_id = small_runs.run(dataset="imdb", checkpoint="base", source="/home/me/aclImdb")
    truth = np.array([0, 1] * 20)
    answers = truth.copy()
    answers[1:20:2] = 0  # positive taken for negative
    probabilities = np.eye(2, dtype=np.float32)[answers]
    diagnostics = Diagnostics(imdb.LABELS, truth, probabilities)
    diagnostics.write(checkpoints.run_path(run_id).parent)
    return checkpoints.find(run_id)


def test_the_metadata_say_what_it_is_from(trained):
    data = ModelCard(model_card.card(trained, "Use it.", "transformers")).data.to_dict()
    assert data["license"] == "apache-2.0" and data["base_model"] == "someone/tiny"
    assert data["datasets"] == ["stanfordnlp/imdb"] and data["language"] == ["en"]
    assert data["pipeline_tag"] == "text-classification"
    assert data["tags"] == ["text-classification", "unfreeze", "full"]
    [result] = data["model-index"][0]["results"]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]}["accuracy"] == 0.75


def test_the_text_has_figures_with_intervals_and_what_it_is_bad_at(trained):
    calibration.write(
        trained, Calibration(1.25, 0.95, {"negative": 0.1, "positive": 0.2}, validation_texts=400)
    )
    text = model_card.card(trained, "Use it.", "transformers")
    assert "75.0% of 40 test texts (95% interval 59.8% to 85.8%)" in text
    assert "| positive | 100.0% | 50.0% | 66.7% | 20 |" in text
    assert "Temperature 1.250, fitted on 400 validation texts" in text
    assert "finds positive least often: 50.0% of the 20 test texts" in text
    assert "positive taken for negative, 10 times" in text
    assert "Of a longer text it reads 16 tokens." in text
    assert "someone/tiny at revision" in text and "Use it." in text
    assert "/home/me" not in text, "no path of this machine"


def test_a_model_that_names_no_licence_has_that_of_its_data():
    card = model_card.card(checkpoints.find("sentiment"), "Use it.", "onnx")
    assert "Starter · AG News. Licence: for research and other non-commercial use." in card
    about = facts.facts(checkpoints.find("sentiment"))
    assert about["Licence of what it started from"] == "for research and other non-commercial use"


def test_of_several_labels_the_exact_match_is_no_accuracy(trained):
    look = Diagnostics.of_run(trained.ref)
    truth, probabilities = np.eye(2, dtype=bool)[look.truth], look.probabilities
    several = Diagnostics(imdb.LABELS, truth, probabilities, thresholds=(0.5, 0.5))
    several.write(checkpoints.run_path(trained.ref).parent)
    text = model_card.card(trained, "Use it.", "transformers")
    assert "Exact match (all labels of a text and no others): 75.0% of 40 test texts" in text
    assert "Accuracy" not in text
    [result] = ModelCard(text).data.to_dict()["model-index"][0]["results"]
    assert result["metrics"][0]["name"] == "exact match"


def test_a_card_without_a_record_says_so_and_names_cannot_break_it(home):
    labels = ("a|b", "---\nlicense: mit")
    odd = small_runs.checkpoint(home / "checkpoints" / "odd", "odd", labels, title='"\n# [x] <b>')
    card = ModelCard(text := model_card.card(odd, "Use it.", "onnx"))
    assert card.data.to_dict()["license"] == "unknown"
    assert "Not measured." in text and "*a\\|b*" in text
    assert text.count("\n---\n") == 1 and "<b>" not in text
