"""Bad checkpoints and model files: a model that answers with numbers, or one sentence. See tests/fuzz.py."""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import CONFIG, VOCABULARY, WEIGHTS, WORDS
from tests.exchange.test_lesson_import import Lesson, net
from tests.helpers import small_runs
from tests.helpers.fuzzing import DEEP_JSON, ODD_VALUES, accepted, altered_json, damaged, examples

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture
def good(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a checkpoint; a sound one is bundled."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")
    path = paths.checkpoints_dir() / "bad"
    small_runs.checkpoint(
        path,
        "bad",
        metrics={"test_accuracy": 0.9, "best_step": 4.0},
        origin={"run": "x", "config": {"mode": "full", "source": ""}, "trains": "all"},
    )
    shutil.copytree(path, home / "good")
    (path / checkpoints.CARD).write_text("# Card")
    return home / "good"


def anew(good: Path, **contents: bytes | None) -> None:
    """The sound files in place, but for those that are given."""
    path = paths.checkpoints_dir() / "bad"
    for file in (CONFIG, WEIGHTS, WORDS, VOCABULARY):
        shutil.copy(good / file, path / file)
    for file, content in contents.items():
        (path / file).write_bytes(content or b"")


def asked() -> prediction.Prediction | None:
    """What it answers; whatever it is, the other checkpoints are there and can be asked."""
    prediction._models.clear()  # a file that changes twice in a tick of the clock looks the same
    there = [one.ref for one in checkpoints.list_checkpoints()]
    assert {"starter", "sentiment"} <= set(there)
    accepted(lambda: checkpoints.find("bad"))
    found = accepted(lambda: prediction.predict("bad", ["the film is good"]))
    if found is None:
        return None
    (answer,) = found
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.label in answer.probabilities and len(answer.probabilities) == 4
    return answer


@given(st.data())
@examples(150)
def test_a_checkpoint_with_a_damaged_file(good: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from([CONFIG, WEIGHTS, WORDS, VOCABULARY]))
    anew(good, **{file: data.draw(damaged((good / file).read_bytes()))})
    asked()


@given(st.data())
@examples(40)
def test_a_checkpoint_cut_short_is_refused(good: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from([CONFIG, WEIGHTS, WORDS, VOCABULARY]))
    whole = (good / file).read_bytes()
    anew(good, **{file: whole[: data.draw(st.integers(0, len(whole.rstrip()) - 1))]})
    assert asked() is None


@given(st.data())
@examples(200)
def test_a_checkpoint_whose_config_says_odd_things(good: Path, data: st.DataObject) -> None:
    config = data.draw(altered_json(json.loads((good / CONFIG).read_text())))
    anew(good, **{CONFIG: json.dumps(config).encode()})
    asked()


@given(st.data())
@examples(10)
def test_pages_show_whatever_is_listed(good: Path, data: st.DataObject) -> None:
    """Those with an odd config, too: what a page could not show is not listed."""
    config = json.loads((good / CONFIG).read_text())
    key = data.draw(st.sampled_from([*config, *config]))
    if key in ("metrics", "origin"):
        config[key] = data.draw(altered_json(config[key]))
    else:
        config[key] = data.draw(st.sampled_from(ODD_VALUES))
    anew(good, **{CONFIG: json.dumps(config).encode()})
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["model"] = "bad"
    for page in ("checkpoints.py", "predict.py", "train.py"):
        app.switch_page(page).run()
        assert not app.exception, (config, app.exception)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"null",
        b"[]",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe",
        DEEP_JSON.encode(),
        b"9" * 10_000,
        b'{"format": 2, "format": 1}',
        b'{"a":' * 90_000,
    ],
)
@pytest.mark.parametrize("file", [CONFIG, VOCABULARY, WEIGHTS, WORDS])
def test_a_checkpoint_with_something_else_for_a_file(good: Path, file: str, content: bytes) -> None:
    anew(good, **{file: content})
    assert asked() is None


@pytest.mark.parametrize("file", [CONFIG, VOCABULARY, WEIGHTS, WORDS, checkpoints.CARD])
def test_a_folder_a_pipe_or_a_link_to_nowhere_in_a_files_place(good: Path, file: str) -> None:
    place = paths.checkpoints_dir() / "bad" / file
    for put in (place.mkdir, lambda: os.mkfifo(place), lambda: place.symlink_to(place)):
        anew(good)
        place.unlink(missing_ok=True)
        put()
        assert (asked() is None) == (file != checkpoints.CARD)
        if file == checkpoints.CARD:
            assert checkpoints.find("bad").card == ""
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def test_a_folder_whose_name_is_no_text_hides_no_other(good: Path) -> None:
    shutil.copytree(good, paths.checkpoints_dir() / os.fsdecode(b"\xff\xfe"))
    assert asked() and "bad" in [one.ref for one in checkpoints.list_checkpoints()]


TENSORS: dict[str, Any] = {
    "nan": lambda w: w.fill_(math.nan),
    "inf": lambda w: w.fill_(math.inf),
    "one nan": lambda w: w.flatten().index_fill_(0, torch.tensor([0]), math.nan).view_as(w),
    "huge": lambda w: w.float() * 0 + 3e38,
    "int": lambda w: w.int(),
    "bool": lambda w: w.bool(),
    "complex": lambda w: w.to(torch.complex64),
    "flat": lambda w: w.flatten(),
    "none": lambda w: w[:0],
    "more": lambda w: w[None],
    "double": lambda w: w.double(),
    "f8": lambda w: w.to(torch.float8_e4m3fn),
    "bf16": lambda w: w.bfloat16(),
}


@pytest.mark.parametrize("change", TENSORS)
@pytest.mark.parametrize("name", ["embedding.weight", "classifier.weight", "classifier.bias"])
def test_weights_of_another_kind(good: Path, name: str, change: str) -> None:
    file = WORDS if name.startswith("embedding") else WEIGHTS
    anew(good)
    place = paths.checkpoints_dir() / "bad" / file
    tensors = load_file(place)
    tensors[name] = TENSORS[change](tensors[name]) if change else tensors[name]
    save_file(tensors, place)
    answer = asked()
    if "nan" in change or "inf" in change:
        with pytest.raises(UnfreezeError, match=f"these weights are not all finite: {name}"):
            checkpoint_files.load_model(checkpoints.find("bad"))
    if change in ("double", "bf16"):
        assert answer
    elif not (change == "flat" and name == "classifier.bias") and change not in ("f8", "huge"):
        assert answer is None


def test_sizes_of_no_memory_are_refused_before_it_is_asked_for(good: Path) -> None:
    config = json.loads((good / CONFIG).read_text())
    for sizes in (
        {"vocab_size": 10**8, "dim": 10**6},
        {"layers": 200, "feedforward": 10**6},
        {"layers": 10**9},
        {"dim": 10**12},
        {"heads": 10**6, "dim": 10**6},
        {"layers": True},
    ):
        changed = config | {"model": config["model"] | sizes}
        anew(good, **{CONFIG: json.dumps(changed).encode()})
        assert asked() is None


@pytest.fixture
def lesson(tmp_path: Path) -> Lesson:
    return Lesson(tmp_path)


@given(st.data())
@examples(60)
def test_a_damaged_model_file_is_refused_or_imported_the_same(
    lesson: Lesson, data: st.DataObject
) -> None:
    """Of torch's present format, whose parts have checksums."""
    whole = lesson.save(net(classes=2)).file.read_bytes()
    if not (paths.checkpoints_dir() / "whole").exists():
        lesson.run(name="whole")
    lesson.file.write_bytes(data.draw(damaged(whole)))
    shutil.rmtree(paths.checkpoints_dir() / "damaged", ignore_errors=True)
    made = accepted(
        lambda: drain(
            import_lesson(lesson.file, lesson.vectors, name="damaged", ag_news_source="x")
        )
    )
    if made is not None:
        one, other = (
            checkpoint_files.load_model(checkpoints.find(name)).state_dict()
            for name in ("damaged", "whole")
        )
        assert all(one[name].equal(other[name]) for name in other)
