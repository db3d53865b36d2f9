"""Checkpoints: the list, the details of each, deletion, import and pretraining."""

import shutil

import pytest
import torch
from streamlit.testing.v1 import AppTest

from ftcore import tracking
from ftcore.config import NEW_MODEL
from ftcore.errors import UnfreezeError
from ftcore.models import calibration, checkpoints, hub_offer
from ftcore.models.calibration import Calibration
from ftcore.models.hub_cache import HubModel
from ftcore.runs.scheduler import scheduler
from ftcore.tracking.store import connect, tag
from pages.components.charts.palette import mode_badge
from tests.helpers import small_runs
from tests.helpers.app_pages import button, button_labels, open_page, press, text
from tests.helpers.lesson_files import glove, glove_file, net, news
from tests.helpers.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def open_tab(tab: str) -> AppTest:
    return open_page("checkpoints", session={"checkpoints_tab": tab})


def click(key: str) -> AppTest:
    return open_page("checkpoints").button(key=key).click().run()


def test_cards_show_accuracy_classes_and_origin_on_pages_of_twelve(home):
    for number in range(14):
        small_runs.checkpoint(home / "checkpoints" / f"n{number:02}", f"n{number:02}")
    small_runs.run(name="*Tuned*", mode="last-layer")
    app = open_page("checkpoints")
    cards = text(app)
    assert "Comes with Unfreeze" in cards and "Imported" in cards and "Trained here" in cards
    assert "**91.0%** AG News, test set" in cards and mode_badge("untouched", "Pretrained") in cards
    assert f"**\\*Tuned\\*** {mode_badge('last-layer', 'Last layer')}" in [
        card.value for card in app.markdown
    ]
    assert "**75.0%** Built-in sample (synthetic), validation" in cards
    assert "From Starter" in cards and "World, Sports, Business, Sci/Tech" in cards
    assert "N11" in cards and "N12" not in cards
    keys = {button.key for button in app.button}
    assert {"details-starter", "delete-n01"} <= keys and "delete-starter" not in keys


def test_a_run_that_came_in_a_package_was_not_trained_here():
    client, _ = connect()
    client.set_tag(small_runs.run(name="Theirs"), tag("imported"), "0" * 32)
    cards = text(open_page("checkpoints"))
    assert "Theirs" in cards and "Imported" in cards and "Trained here" not in cards


def test_a_broken_checkpoint_does_not_hide_the_others(small_checkpoints):
    (small_checkpoints / "sentiment" / "config.json").write_text("{")
    app = open_page("checkpoints")
    assert "**Starter**" in text(app) and "Sentiment" not in text(app)
    shutil.rmtree(small_checkpoints)
    app.run()
    assert not app.exception and "Pretrain one" in app.info[0].value


def test_a_checkpoint_can_be_fine_tuned_or_asked():
    app = click("tune-sentiment")
    assert app.title[0].value == "Train"
    assert app.selectbox(key="setting_checkpoint").value == "sentiment"
    app = click("predict-starter")
    assert app.title[0].value == "Predict"
    assert app.multiselect(key="predict_models").value == ["starter", "sentiment"]


def test_details_show_the_card_the_facts_and_the_ancestors(small_checkpoints):
    (small_checkpoints / "starter" / "README.md").write_text("# A card\n\nMade **so**.")
    app = click("details-starter")
    assert "Made **so**." in text(app)
    facts = app.table[0].value.iloc[:, 0]
    assert facts["Classes"] == "World, Sports, Business, Sci/Tech"
    assert facts["Parameters"] == f"{checkpoints.find('starter').model.parameters:,}"
    assert facts["Attention heads"] == "2" and facts["Reads at most"] == "16 tokens"
    first = small_runs.run(name="First")
    second = small_runs.run(name="Second", checkpoint=first)
    facts = click(f"details-{second}").table[0].value.iloc[:, 0]
    assert facts["Started from"] == "First ← Starter"
    assert facts["On disk"].endswith("its words in starter") and "Calibrated" not in facts
    calibration.write(
        checkpoints.find(second), Calibration(1.43, 0.9, {"negative": 0.2, "positive": 0.3}, 160)
    )
    facts = click(f"details-{second}").table[0].value.iloc[:, 0]
    known = "temperature 1.43, labels at 90%, from 160 validation texts"
    assert facts["Calibrated"].replace("\\", "") == known
    assert "Its run stays, with all curves and figures." in text(click(f"delete-{second}"))
    assert checkpoints.run_path(second).exists()


def test_the_question_before_deletion_names_what_depends_on_the_checkpoint(home):
    parent = small_runs.checkpoint(home / "checkpoints" / "own", "own")
    small_runs.run("paused", saved=False, checkpoint="own", name="*Unfinished*")
    app = click("delete-own")
    assert (
        "are stopped first, and keep their best models: **\\*Unfinished\\*** (paused)."
        in app.markdown[-1].value
    )
    assert "End and delete" in button_labels(app) and parent.path.exists()
    small_runs.checkpoint(home / "checkpoints" / "child", "child", parent=parent)
    app = click("delete-own")
    assert "Delete first what uses its word vectors: Child" in text(app)
    assert not {"Delete", "End and delete"} & button_labels(app)


def test_import_names_what_is_missing_and_reads_files_by_path_and_by_upload(tmp_path):
    lesson = tmp_path / "model_AG News small1.pth"
    torch.save(net().state_dict(), lesson)
    app = press(open_tab("Import"), "Import")
    assert not app.exception and "A file is missing" in app.error[0].value
    vectors = glove_file(tmp_path / "glove.txt", glove())
    app.text_input(key="import_glove_path").set_value(str(vectors))
    app.text_input(key="import_path").set_value(str(tmp_path / "none.pth"))
    app.text_input(key="import_ag_news").set_value(str(news(tmp_path / "news")))
    app.text_input(key="import_name").set_value("My lesson")
    app = press(app, "Import")
    assert not app.exception and "none" in app.error[0].value
    assert app.text_input(key="import_path").value.endswith("none.pth")
    app.file_uploader(key="import_file").set_value((lesson.name, lesson.read_bytes(), ""))
    app = press(app, "Import")
    assert "Both a path and an upload are given" in app.error[0].value
    app.text_input(key="import_path").set_value("")
    app = press(app, "Import")
    assert not app.exception and not app.error
    assert "Imported as My lesson" in app.success[0].value
    checkpoint = checkpoints.find("My lesson")
    assert checkpoint.kind == "imported" and lesson.name in checkpoint.card
    assert f"{checkpoint.metrics['test_accuracy']:.1%}" in app.success[0].value
    assert "already" in press(app, "Import").error[0].value


def test_pretraining_queues_a_run_and_opens_it(monkeypatch):
    monkeypatch.setattr(scheduler, "submit", tracking.create_run)
    app = open_tab("Pretrain")
    app.text_input(key="pretrain_vectors").set_value("words.txt")
    app.number_input(key="pretrain_heads").set_value(4)
    app = press(app, "Pretrain")
    assert not app.exception
    run = tracking.run(tracking.runs()["run_id"][0])
    assert app.query_params["run"] == run.run_id
    config = run.config
    assert (config.checkpoint, config.dataset, config.mode) == (NEW_MODEL, "ag_news", "full")
    assert (config.vectors, config.heads, config.words) == ("words.txt", 4, 40_000)


def test_a_checkpoint_is_taken_away_in_the_formats_that_it_has():
    assert "Only encoders have a form that transformers opens" in text(click("take-starter"))

    def dialog() -> None:
        from ftcore.models import checkpoints
        from pages.components.forms import take_away

        take_away.export_formats(checkpoints.find("starter"))

    app = AppTest.from_function(dialog, default_timeout=PATIENCE).run()
    made = [f"make-{name}" for name in ("unfreeze", "onnx", "onnx-int8", "mlflow", "html", "zip")]
    assert [button.key for button in app.button] == made
    assert not app.get("download_button")
    app.button(key="make-unfreeze").click().run()
    [download] = app.get("download_button")
    assert download.proto.label.startswith("Download, ")


def test_size_and_licence_of_a_named_encoder_are_shown_once_the_hub_has_answered(monkeypatch):
    answers = [None, UnfreezeError("The Hub has no model a/b.")]
    monkeypatch.setattr(hub_offer, "described", lambda name, revision: answers[0])
    app = open_tab("Add an encoder")
    app.button_group(key="encoder").set_value("Another, or a folder").run()
    app.text_input(key="encoder_source").set_value("a/b").run()
    assert "Asking the Hub" in text(app) and not button(app, "Get it").disabled
    answers[0] = HubModel("a/b", "0" * 40, "main", (), license="mit", parameters=1234)
    app.run()
    assert "licence mit · 1,234 parameters" in text(app) and "Asking" not in text(app)
    answers.pop(0)
    assert "The Hub has no model a/b." in text(app.run())
    answers[0] = None
    app.text_input(key="encoder_source").set_value("no name").run()
    assert "Asking" not in text(app), "it is no name on the Hub"
