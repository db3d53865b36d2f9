"""A page to take home answers from file://, without a network, as the model itself does."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from ftcore.data import sample
from ftcore.events import drain
from ftcore.exchange.onnx import graph
from ftcore.exchange.takeaway import export
from ftcore.exchange.takeaway.export import Heading
from ftcore.inference.prediction import predict
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from tests.browser.conftest import _error
from tests.helpers import small_runs
from tests.helpers.browser_steps import TRAINING_TIMEOUT

pytestmark = pytest.mark.slow  # torch's exporter takes seconds, also for a small model
HOSTILE = "</script><img src=x onerror=alert(1)>"
ODD = [
    "It\u2019s \u201cgood\u201d \u2013 n\u00e4mlich! caf\u00e9, CAFE\u0301 \u2026",
    "ΑΣ ΟΔΟΣ, İstanbul; STRASSE/Straße",
    "\u00bd of it \ufb01lm\u00a0\u200b\u3000日本語 \U0001f600 x\u0332y \u0091quoted\u0092 100\u20ac",
    "<br />one<BR>two<pad> <unk> a-b-c $& (x) a:b;c\x1c\x85\t\r\nend",
    "...",
    "good " * 5000,
]


@pytest.fixture
def offline(chromium):
    """A browser page without a network, which fails the test if it asks for one or reports an error."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TRAINING_TIMEOUT)
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.extend(_error(message)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.extend(_network(request.url)))
    yield page
    context.close()
    assert faults == []


def _network(url):
    return [] if url.startswith(("file:", "data:", "blob:")) else [url]


def open_file(page, file):
    page.goto(file.as_uri())
    expect(page.locator("#state[data-checked=true]")).to_be_visible(timeout=TRAINING_TIMEOUT)


def answers(page, texts):
    """What each model of a page answers to each text."""
    return page.evaluate(
        "async (texts) => { const all = []; for (const text of texts) all.push(await classify(text));"
        " return all; }",
        texts,
    )


def test_small_models_answer_side_by_side_as_here(offline, tmp_path):
    labels = (HOSTILE, "positive")
    folder = checkpoints.paths.checkpoints_dir()
    plain = small_runs.checkpoint(folder / "plain", "plain", labels, title=HOSTILE)
    several = small_runs.checkpoint(
        folder / "several", "several", labels, parent=plain, seed=1, thresholds=(0.4, 0.6)
    )
    calibrated = small_runs.checkpoint(folder / "sure", "sure", labels, parent=plain, seed=2)
    kept = Calibration(1.7, 0.9, dict.fromkeys(labels, 0.4), 50)
    calibration.write(calibrated, kept)
    refs, texts = [plain.ref, several.ref, calibrated.ref], [*small_runs.TEXTS, *ODD]
    file = tmp_path / "page.html"
    heading = Heading("", f"Full is best. {HOSTILE}", small_runs.TEXTS[:2])
    drain(export.write_page(refs, file, heading, "exact"))
    open_file(offline, file)
    for row, of_text in zip(texts, answers(offline, texts), strict=True):
        for ref, there in zip(refs, of_text, strict=True):
            [here] = predict(ref, [row])
            np.testing.assert_allclose(
                there["shares"], list(here.probabilities.values()), atol=1e-3
            )
            assert there["label"] == here.label, row
            assert there["kept"] == len(here.tokens)
    [sure] = predict("sure", texts[:1])
    assert answers(offline, texts[:1])[0][2]["promise"] == kept.promise(sure.label_set)

    expect(offline.locator(".verdict")).to_have_text(f"Full is best. {HOSTILE}")
    expect(offline.locator("img")).to_have_count(0)
    expect(offline.locator(".model")).to_have_count(3)
    offline.get_by_role("button", name=small_runs.TEXTS[1]).click()
    [said] = predict("several", [small_runs.TEXTS[1]])
    expect(offline.locator(".answer").nth(1)).to_have_text(said.label)
    offline.set_viewport_size({"width": 390, "height": 844})
    assert offline.locator("html").evaluate("node => node.scrollWidth - node.clientWidth") <= 0


def test_a_browser_that_computes_otherwise_says_so(offline, tmp_path, monkeypatch):
    small_runs.checkpoint(checkpoints.paths.checkpoints_dir() / "plain", "plain", ("a", "b"))
    file = tmp_path / "page.html"
    drain(export.write("plain", file))
    file.write_text(re.sub(r'"ids": \[\[(\d)', r'"ids": [[7\1', file.read_text()))
    offline.goto(file.as_uri())
    expect(offline.locator("#state.fault")).to_contain_text("computes other answers")


def test_the_lessons_model_fits_and_answers_as_here(offline, tmp_path, monkeypatch):
    texts = [*sample.generate()[2][:194], *ODD]
    here = predict("sentiment", texts)
    reuse_traces(tmp_path, monkeypatch)
    for precision, megabytes in (("exact", 14), ("int8", 10)):
        file = tmp_path / f"{precision}.html"
        drain(export.write_page(["sentiment"], file, precision=precision))
        assert file.stat().st_size < megabytes * 1e6
        open_file(offline, file)
        there = [of_text[0] for of_text in answers(offline, texts)]
        for mine, its in zip(here, there, strict=True):
            assert its["ids"] == mine.tokenizer.ids(mine.tokens) or not mine.tokens
        if precision == "exact":
            shares = [list(mine.probabilities.values()) for mine in here]
            np.testing.assert_allclose([its["shares"] for its in there], shares, atol=1e-3)
        same = [mine.label == its["label"] for mine, its in zip(here, there, strict=True)]
        assert np.mean(same) >= 0.99


def reuse_traces(folder, patch):
    """Trace each checkpoint once: that takes longest."""
    trace = graph.trace_in_subprocess

    def once(ref, file):
        kept = folder / f"{ref}.onnx"
        if not kept.exists():
            yield from trace(ref, kept)
        Path(file).write_bytes(kept.read_bytes())

    patch.setattr(graph, "trace_in_subprocess", once)
