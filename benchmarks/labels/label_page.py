"""How soon the next text is painted on the page Label: from the press of a key, in a real browser.

    python -m benchmarks.labels.label_page --short | --full

AG News texts without labels, 200 of them labelled before (chosen, random and held-out ones as on the page),
are labelled by keys with a pause between two presses, while the model learns in its thread. Measured in the
browser: from the event of the key to the frame that shows another text. Needs Chromium.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Page

from benchmarks.harness import browser, data, report
from benchmarks.harness.server_process import ServerProcess
from ftcore import paths
from ftcore.active_learning.arms import START
from ftcore.data import ag_news, datasets
from ftcore.data.store import labelling, versions
from ftcore.data.store.card import Card
from ftcore.data.store.labelling import Change
from ftcore.data.store.request import Request
from ftcore.events import drain

NAME, LABELLED = "news", 200
PAUSE = 500  # milliseconds between two presses: a quick person
LIMIT_MS = 300
WATCH = """() => {
  const shown = () => document.querySelector('.st-key-text_to_label')?.innerText;
  let pressed = 0, before = '';
  window.timesToNextText = [];
  document.addEventListener('keydown', event => {
    pressed = event.timeStamp;
    before = shown();
  }, true);
  new MutationObserver(() => {
    const now = shown();
    if (!pressed || !now || now === before) return;
    const from = pressed;
    pressed = 0;
    // The callback of a second frame runs after the first one was painted.
    requestAnimationFrame(() => requestAnimationFrame(
      () => window.timesToNextText.push(performance.now() - from)));
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


class Sizes(NamedTuple):
    """Texts in the data, and presses of a key."""

    texts: int
    presses: int


SHORT, FULL = Sizes(2_000, 50), Sizes(20_000, 200)


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.home() as folder:
        measure(folder, data.archive().parent / "ag_news_csv", sizes)


def measure(folder: Path, source: Path, sizes: Sizes) -> None:
    """Label on the page and print how long the next text took."""
    report.heading(f"The next text on the page Label, {sizes.texts:,} texts")
    give_some(prepare(folder, source, sizes.texts))
    with ServerProcess(paths.home()) as server, browser.chromium() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.address}/label?dataset={NAME}")
        page.locator(".st-key-text_to_label").wait_for(timeout=120_000)
        times = press_keys(page, sizes.presses)
    p50, p95, most = (float(np.percentile(times, share)) for share in (50, 95, 100))
    report.table(
        ["from a key to the next text painted, ms", "p50", "p95", "most"],
        [[f"{len(times)} presses", f"{p50:.0f}", f"{p95:.0f}", f"{most:.0f}"]],
    )
    report.result("label_page", texts=sizes.texts, p50_ms=p50, p95_ms=p95, most_ms=most)


def prepare(folder: Path, source: Path, texts: int) -> Card:
    """Add AG News texts without labels, and define its classes."""
    dataset = drain(datasets.load("ag_news", str(source)))
    file = folder / "texts.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in dataset.train.texts[:texts]))
    card = drain(datasets.add(Request(NAME, str(file))))
    labelling.define_classes(card, ag_news.LABELS, "benchmark")
    return versions.get(NAME)


def give_some(card: Card) -> None:
    """Label texts as on the page: the first ones, then chosen, random and held-out ones in turn."""
    parts = labelling.originals(card).parts
    training, others = np.flatnonzero(parts == 0), np.flatnonzero(parts != 0)
    changes = []
    for number in range(LABELLED):
        held_out = number % 3 == 2
        text = int((others if held_out else training)[number])
        arm = "start" if number < START else ("chosen", "random", "held-out")[number % 3]
        label = ag_news.LABELS[number % len(ag_news.LABELS)]
        changes.append(Change(text, (label,), "held-out" if held_out else arm))
    labelling.change(card, changes, "benchmark")


def press_keys(page: Page, presses: int) -> list[float]:
    """Press keys 1 to 4 in turn; return the milliseconds until each next text was painted."""
    page.evaluate(WATCH)
    for number in range(presses):
        page.wait_for_timeout(PAUSE)
        page.keyboard.press(str(number % 4 + 1))
        page.wait_for_function(f"window.timesToNextText.length > {number}", timeout=60_000)
    return page.evaluate("window.timesToNextText")


if __name__ == "__main__":
    main(sys.argv[1:])
