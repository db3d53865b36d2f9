"""A file that changes while it is added: one sentence, and nothing is stored."""

import os

import pytest

from ftcore.data import datasets
from ftcore.data.store import card, collection, mapping
from ftcore.data.store.request import Request
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from tests.helpers.tables import write

LINES = [f"text number {n},{'ab'[n % 2]}\n" for n in range(2000)]


def append(path):
    with path.open("a") as file:
        file.write("one more,a\n")


def truncate(path):
    os.truncate(path, 500)


def replace(path):
    write(path.with_name("new"), "other,columns,here\n" * 10).replace(path)


@pytest.mark.parametrize("change", [append, truncate, replace, os.remove])
def test_whenever_a_file_changes_nothing_of_it_is_stored(tmp_path, change):
    path = tmp_path / "a.csv"
    write(path, "".join(LINES))
    events = len(list(_reading(datasets.add(Request("mine", str(path))))))
    assert events > 3
    for moment in range(events):
        write(path, "".join(LINES))
        places = iter(range(events + 10))

        def act(_event, moment=moment, places=places):
            if next(places) == moment:
                change(path)

        with pytest.raises(
            UnfreezeError, match=r"a\.csv changed while it was read: add it again once"
        ):
            drain(datasets.add(Request("mine", str(path))), act)
        assert card.names() == [] and not list(card.folder("x").parent.glob(".*"))


def test_a_file_that_changes_between_two_passes_is_another_file(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", "".join(LINES))

    def complete(*arguments):
        append(path)
        return mapping.complete(*arguments)

    monkeypatch.setattr(collection, "complete", complete)  # once the first rows are known
    with pytest.raises(UnfreezeError, match="changed while it was read"):
        drain(datasets.add(Request("mine", str(path))))
    assert card.names() == []


def _reading(task):
    """The events of a task until all is read."""
    for event in task:
        if event.phase != "reading":
            break
        yield event
    task.close()
