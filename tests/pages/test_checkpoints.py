"""Checkpoints: the list, the details of each, deletion, import and pretraining."""

import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from ftcore import tracking
from ftcore.config import NEW_MODEL
from ftcore.models import checkpoints
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.app_pages import open_page, press, text
from tests.helpers.lesson_files import glove, glove_file, net, news

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def open_tab(tab: str) -> AppTest:
    return open_page("checkpoints", session={"checkpoints_tab": tab})


def click(key: str) -> AppTest:
    return open_page("checkpoints").button(key=key).click().run()


def test_a_card_shows_accuracy_classes_and_origin(home: Path) -> None:
    small_runs.checkpoint(home / "checkpoints" / "mine", "mine", title="My *own*")
    small_runs.run(name="Tuned", mode="last-layer")
    app = open_page("checkpoints")
    cards = text(app)
    assert "Comes with Unfreeze" in cards and "Imported" in cards and "Trained here" in cards
    assert "**91.0%** AG News, test set" in cards
    assert "**My \\*own\\*** :gray-badge[Pretrained]" in [card.value for card in app.markdown]
    assert "**Tuned** :yellow-badge[Last layer]" in cards
    assert "**75.0%** Built-in sample (synthetic), validation" in cards
    assert "From Starter" in cards and "World, Sports, Business, Sci/Tech" in cards


def test_an_empty_list_names_the_next_step(small_checkpoints: Path) -> None:
    shutil.rmtree(small_checkpoints)
    app = open_page("checkpoints")
    assert not app.exception and "Pretrain one" in app.info[0].value


def test_a_broken_checkpoint_does_not_hide_the_others(small_checkpoints: Path) -> None:
    (small_checkpoints / "sentiment" / "config.json").write_text("{")
    cards = text(open_page("checkpoints"))
    assert "**Starter**" in cards and "Sentiment" not in cards


def test_fine_tune_fills_the_form_with_the_checkpoint() -> None:
    app = click("tune-sentiment")
    assert app.title[0].value == "Train"
    assert app.selectbox(key="setting_checkpoint").value == "sentiment"


def test_predict_opens_the_checkpoint_beside_the_default_model() -> None:
    app = click("predict-starter")
    assert app.title[0].value == "Predict"
    assert app.multiselect(key="predict_models").value == ["starter", "sentiment"]


def test_details_show_the_card_and_the_facts(small_checkpoints: Path) -> None:
    (small_checkpoints / "starter" / "README.md").write_text("# A card\n\nMade **so**.")
    app = click("details-starter")
    assert "Made **so**." in text(app)
    facts = app.table[0].value.iloc[:, 0]
    assert facts["Classes"] == "World, Sports, Business, Sci/Tech"
    assert facts["Parameters"] == f"{checkpoints.find('starter').model.parameters:,}"
    assert facts["Attention heads"] == "2" and facts["Reads at most"] == "16 tokens"


def test_details_of_a_run_list_its_ancestors() -> None:
    first = small_runs.run(name="First")
    second = small_runs.run(name="Second", checkpoint=first)
    child = checkpoints.run_path(second)
    shutil.rmtree(child)
    small_runs.checkpoint(
        child, second, ("negative", "positive"), "sample", checkpoints.find(first)
    )
    facts = click(f"details-{second}").table[0].value.iloc[:, 0]
    assert facts["Started from"] == "First ← Starter"
    assert facts["On disk"].endswith("its words in starter")


def test_bundled_checkpoints_cannot_be_deleted() -> None:
    keys = {button.key for button in open_page("checkpoints").button}
    assert "details-starter" in keys and "delete-starter" not in keys


def test_delete_asks_first_and_names_what_stays() -> None:
    run_id = small_runs.run(name="Tuned")
    assert "Its run stays, with all curves and figures." in text(click(f"delete-{run_id}"))
    assert checkpoints.run_path(run_id).exists()


def test_a_long_list_has_pages(home: Path) -> None:
    for number in range(14):
        small_runs.checkpoint(home / "checkpoints" / f"n{number:02}", f"n{number:02}")
    app = open_page("checkpoints")
    assert "N11" in text(app) and "N12" not in text(app)


def test_import_needs_both_files_and_keeps_a_wrong_path_in_its_field(tmp_path: Path) -> None:
    app = press(open_tab("Import"), "Import")
    assert not app.exception and "Both files are needed" in app.error[0].value
    app.text_input(key="import_path").set_value(str(tmp_path / "none.pth"))
    app.text_input(key="import_glove_path").set_value(str(tmp_path / "none.txt"))
    app = press(app, "Import")
    assert not app.exception and "none" in app.error[0].value
    assert app.text_input(key="import_path").value.endswith("none.pth")


def test_import_of_the_lessons_file_by_path_and_by_upload(tmp_path: Path) -> None:
    lesson = tmp_path / "model_AG News small1.pth"
    torch.save(net().state_dict(), lesson)
    vectors = glove_file(tmp_path / "glove.txt", glove())
    app = open_tab("Import")
    app.file_uploader(key="import_file").set_value((lesson.name, lesson.read_bytes(), ""))
    app.text_input(key="import_glove_path").set_value(str(vectors))
    app.text_input(key="import_ag_news").set_value(str(news(tmp_path / "news")))
    app.text_input(key="import_name").set_value("My lesson")
    app = press(app, "Import")
    assert not app.exception and not app.error
    assert "Imported as My lesson" in app.success[0].value
    checkpoint = checkpoints.find("My lesson")
    assert checkpoint.kind == "imported" and lesson.name in checkpoint.card
    assert f"{checkpoint.metrics['test_accuracy']:.1%}" in app.success[0].value
    assert "already" in press(app, "Import").error[0].value


def test_pretraining_queues_a_run_and_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
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
