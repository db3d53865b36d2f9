"""Events as lines of text and as JSON lines."""

import json
from pathlib import Path

import pytest

from ftcore.cli.printer import Printer
from ftcore.events import Evaluation, Noted, Progress, Resumable, Saved, Started, Watched

EVENTS = [
    (Progress("downloading", 1_500_000, 84_125_825, "bytes"), "  downloading: 1.5 MB of 84.1 MB"),
    (Progress("reading", 25, None, "texts"), "  reading: 25 texts"),
    (Started({"trains": "All layers."}, ("A note.",)), "All layers.\nA note."),
    (
        Evaluation("val", 1200, 1.5, 62.25, 38400, 0.25, 0.9),
        "  val  step  1,200  epoch   1.50      62.2 s  loss 0.2500  accuracy 90.00%",
    ),
    (Saved(Path("a/b"), 1200, 0.9), "       step  1,200  saved: the best so far"),
    (Watched(8, 0.5, 2.0, 64, ((0.25, 0.75), (1.0, 0.0))), "watch  step      8  25% 75%; 100% 0%"),
    (Noted("Smaller batches."), "Smaller batches."),
]


@pytest.mark.parametrize(("event", "line"), EVENTS)
def test_events_as_text(event, line, capsys):
    printer = Printer(as_json=False)
    printer.event(event)
    printer.event(Resumable(8))  # says nothing to a person
    assert capsys.readouterr().out == f"{line}\n"


def test_events_as_json(capsys):
    Printer(as_json=True).event(Saved(Path("a/b"), 8, 0.9))
    expected = {"event": "saved", "path": "a/b", "step": 8, "accuracy": 0.9}
    assert json.loads(capsys.readouterr().out) == expected


def test_progress_of_a_phase_is_a_line_a_second_and_never_the_same_twice(capsys):
    printer = Printer(as_json=False)
    for done in (*range(11), 10, 10):
        printer.event(Progress("reading", done, 10, "texts"))
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["  reading: 0 of 10 texts", "  reading: 10 of 10 texts"]
