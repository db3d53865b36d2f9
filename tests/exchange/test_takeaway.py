"""A page to take home: what goes into the file, and what is refused. How it answers: tests/browser."""

import json
import re
from bisect import bisect_right

import numpy as np
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.exchange.takeaway import export, packages, word_forms
from ftcore.exchange.takeaway.page import Page, PageModel, render
from ftcore.exchange.takeaway.tensors import TensorStore, pack
from ftcore.text.normalization import plain_form
from ftcore.text.word_rules import CURRENT
from tests.helpers import small_runs

HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """Small bundled checkpoints, among them `sentiment`."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "bundled")
    small_runs.bundled(tmp_path / "bundled")


def test_no_text_of_a_user_is_markup_or_code():
    model = PageModel(HOSTILE, "full", {HOSTILE: HOSTILE}, {"labels": [HOSTILE]})
    page = Page(HOSTILE, HOSTILE, HOSTILE, [model], {}, [HOSTILE, HOSTILE], [HOSTILE])
    document = render(page)
    assert "<img" not in document and document.count("alert(1)") > 5
    assert document.count("<script") == document.count("</script") == 2
    [setup] = re.findall(r'<script type="application/json" id="setup">(.*)</script>', document)
    assert json.loads(setup)["models"][0]["labels"] == [HOSTILE]


def test_a_tensor_of_two_models_is_kept_once_and_small_ones_stay_in_the_graph():
    onnx = pytest.importorskip("onnx")
    shared, own = np.ones((40, 50), np.float32), np.zeros((50, 40), np.float32)

    def model(*tensors):
        named = [onnx.numpy_helper.from_array(each, f"t{n}") for n, each in enumerate(tensors)]
        return onnx.helper.make_model(onnx.helper.make_graph([], "graph", [], [], named))

    store = TensorStore("exact")
    first, second = model(shared, own, own[0]), model(shared, own + 1)
    names = store.take(first), store.take(second)
    assert [len(each) for each in names] == [2, 2] and names[0][0] == names[1][0]
    assert len(store.tensors) == 3
    assert [tensor.HasField("raw_data") for tensor in first.graph.initializer] == [0, 0, 1]
    packed, places = store.joined()
    assert sum(place["bytes"] for place in places.values()) == len(packed)


def test_precision_says_what_is_rounded():
    weights = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)
    halves = weights.astype(np.float16).astype(np.float32)
    kinds = [
        pack(weights, "int8"),
        pack(weights, "exact"),
        pack(halves, "exact"),
        pack(weights[0], "int8"),
    ]
    assert [kind.packing for kind in kinds] == ["rows", "float", "half", "float"]
    assert (
        len(kinds[0].content) == 30 * 4 + weights.size and len(kinds[2].content) == 2 * weights.size
    )
    scales = np.frombuffer(kinds[0].content[: 30 * 4], "<f4")
    integers = np.frombuffer(kinds[0].content[30 * 4 :], np.int8).reshape(30, 40)
    furthest = np.abs(integers * scales[:, None] - weights).max(1)
    assert (furthest <= np.abs(weights).max(1) / 63 / 2 * 1.001).all()


@pytest.mark.usefixtures("bundled")
def test_without_npm_one_sentence_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnfreezeError, match=r"onnxruntime-web 1\.30\.0.*install Node.js with npm"):
        drain(export.write("sentiment", tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists() and not list(paths.cache_dir().glob("*"))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'npm error: no network' >&2; exit 1", "could not fetch .*no network"),
        ("echo other > other.tgz", "brought another @huggingface/tokenizers"),
    ],
)
def test_what_npm_brings_is_checked(script, message, tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(packages.shutil, "which", lambda name: str(npm))
    events = []
    with pytest.raises(UnfreezeError, match=message):
        drain(packages.fetch(packages.TOKENIZERS), events.append)
    assert isinstance(events[0], Progress) and not list(paths.cache_dir().glob("*"))


@pytest.mark.usefixtures("bundled")
def test_what_cannot_be_a_page_is_refused_before_any_work(tmp_path):
    there = tmp_path / "there.html"
    there.write_text("kept")
    for refs, target, message in (
        (["sentiment"], there, "already there"),
        ([], tmp_path / "page.html", "1 to 4 models, not 0"),
        (["sentiment"] * 5, tmp_path / "page.html", "1 to 4 models, not 5"),
    ):
        with pytest.raises(UnfreezeError, match=message):
            drain(export.write_page(refs, target))
    assert there.read_text() == "kept" and not (tmp_path / "page.html").exists()


def test_ranges_hold_the_form_of_every_character():
    ranges = word_forms.ranges(CURRENT)
    assert ranges[0][0] == 0 and ranges == sorted(ranges)
    starts = [start for start, _ in ranges]
    for code in (*range(0x3000), 0x1F600, 0x10FFFF):
        form = ranges[bisect_right(starts, code) - 1][1].replace(word_forms.ITSELF, chr(code))
        assert form == plain_form(chr(code)), hex(code)
