"""Checkpoints: the list, what is known of each, and the ways to get or lose one."""

import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.models import checkpoints
from ftcore.runs.scheduler import scheduler
from tests.exchange.test_lesson_import import glove, glove_file, net, news
from tests.helpers import small_runs

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")


def page(tab: str = "All") -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.session_state["checkpoints_tab"] = tab
    return app.switch_page("checkpoints.py").run()


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.subheader, *app.markdown, *app.caption])


def click(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def press(app: AppTest, label: str, nth: int = 0) -> AppTest:
    return [one for one in app.button if one.label == label][nth].click().run()


def test_each_checkpoint_says_what_it_can_and_where_it_is_from(home: Path) -> None:
    small_runs.checkpoint(home / "checkpoints" / "mine", "mine", title="My *own*")
    small_runs.run(name="Tuned", mode="last-layer")
    shown = said(page())
    assert "Comes with Unfreeze" in shown and "Imported" in shown and "Trained here" in shown
    assert "**91.0%** AG News, test set" in shown
    assert "**My \\*own\\*** :gray-badge[Pretrained]" in shown
    assert "**Tuned** :yellow-badge[Last layer]" in shown
    assert "**75.0%** Built\\-in sample \\(synthetic\\), validation" in shown
    assert "From Starter" in shown and "World, Sports, Business, Sci/Tech" in shown


def test_none_at_all_names_the_next_step(home: Path) -> None:
    (home / "bundled").rename(home / "away")
    app = page()
    assert not app.exception and "Pretrain one" in app.info[0].value


def test_a_broken_one_does_not_hide_the_others(home: Path) -> None:
    (home / "bundled" / "sentiment" / "config.json").write_text("{")
    shown = said(page())
    assert "**Starter**" in shown and "Sentiment" not in shown


def test_fine_tune_fills_the_form_with_it() -> None:
    app = click(page(), "tune-sentiment")
    assert app.title[0].value == "Train"
    assert app.selectbox(key="setting_checkpoint").value == "sentiment"


def test_predict_leads_to_its_answers() -> None:
    app = click(page(), "predict-starter")
    assert app.title[0].value == "Predict"
    assert app.multiselect(key="predict_models").value == ["starter", "sentiment"]


def test_details_show_card_and_facts(home: Path) -> None:
    (home / "bundled" / "starter" / "README.md").write_text("# A card\n\nMade **so**.")
    app = click(page(), "details-starter")
    assert "Made **so**." in said(app)
    facts = app.table[0].value.iloc[:, 0]
    assert facts["Classes"] == "World, Sports, Business, Sci/Tech"
    assert facts["Parameters"] == f"{checkpoints.find('starter').parameters:,}"
    assert facts["Attention heads"] == "2" and facts["Reads at most"] == "16 tokens"


def test_details_of_a_run_tell_its_line_of_descent() -> None:
    first = small_runs.run(name="First")
    second = small_runs.run(name="Second", checkpoint=first)
    child = checkpoints.run_path(second)
    shutil.rmtree(child)
    small_runs.checkpoint(
        child, second, ("negative", "positive"), "sample", checkpoints.find(first)
    )
    app = click(page(), f"details-{second}")
    facts = app.table[0].value.iloc[:, 0]
    assert facts["Started from"] == "First ← Starter"
    assert facts["On disk"].endswith("its words in starter")


def test_bundled_ones_stay() -> None:
    keys = {button.key for button in page().button}
    assert "details-starter" in keys and "delete-starter" not in keys


def test_delete_asks_first_and_says_what_stays() -> None:
    run_id = small_runs.run(name="Tuned")
    app = click(page(), f"delete-{run_id}")
    assert "Its run stays, with all curves and figures." in said(app)
    assert checkpoints.run_path(run_id).exists()


def test_import_asks_for_both_files() -> None:
    app = press(page("Import"), "Import")
    assert not app.exception and "Both files are needed" in app.error[0].value


def test_import_of_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    app = page("Import")
    app.text_input(key="import_path").set_value(str(tmp_path / "none.pth"))
    app.text_input(key="import_glove_path").set_value(str(tmp_path / "none.txt"))
    app = press(app, "Import")
    assert not app.exception and "none" in app.error[0].value
    assert app.text_input(key="import_path").value.endswith("none.pth")


def test_import_of_the_lessons_file_by_path_and_by_upload(tmp_path: Path) -> None:
    lesson = tmp_path / "model_AG News small1.pth"
    torch.save(net().state_dict(), lesson)
    vectors = glove_file(tmp_path / "glove.txt", glove())
    app = page("Import")
    app.file_uploader(key="import_file").set_value((lesson.name, lesson.read_bytes(), ""))
    app.text_input(key="import_glove_path").set_value(str(vectors))
    app.text_input(key="import_ag_news").set_value(str(news(tmp_path / "news")))
    app.text_input(key="import_name").set_value("My lesson")
    app = press(app, "Import")
    assert not app.exception and not app.error
    assert "Imported as My lesson" in app.success[0].value
    made = checkpoints.find("My lesson")
    assert made.kind == "imported" and lesson.name in made.card
    assert f"{made.metrics['test_accuracy']:.1%}" in app.success[0].value
    app = press(app, "Import")
    assert "already" in app.error[0].value


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "boom",))

    bomb = tmp_path / "bomb.pth"
    torch.save({"emb.weight": Bomb()}, bomb)
    app = page("Import")
    app.text_input(key="import_path").set_value(str(bomb))
    app.text_input(key="import_glove_path").set_value(
        str(glove_file(tmp_path / "glove.txt", glove()))
    )
    app = press(app, "Import")
    assert not app.exception and "nothing in it was run" in app.error[0].value
    assert not (tmp_path / "boom").exists()


def test_pretraining_is_a_run_and_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[FineTuneConfig] = []

    def submit(one: FineTuneConfig) -> str:
        taken.append(one)
        return tracking.create_run(one)

    monkeypatch.setattr(scheduler, "submit", submit)
    app = page("Pretrain")
    app.text_input(key="pretrain_vectors").set_value("words.txt")
    app.number_input(key="pretrain_heads").set_value(4)
    app = press(app, "Pretrain")
    assert not app.exception
    [one] = taken
    assert (one.checkpoint, one.dataset, one.mode) == (NEW_MODEL, "ag_news", "full")
    assert (one.vectors, one.heads, one.words) == ("words.txt", 4, 40_000)
    assert app.query_params["run"] == tracking.runs()["run_id"][0]


def test_a_long_list_has_pages(home: Path) -> None:
    for number in range(14):
        small_runs.checkpoint(home / "checkpoints" / f"n{number:02}", f"n{number:02}")
    app = page()
    assert "N11" in said(app) and "N12" not in said(app)
