"""A process is killed at each of its steps on disk: what it wrote is there whole, or not at all."""

import os
import signal
import stat
import tempfile

import numpy as np

from ftcore import paths
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import drain
from ftcore.exchange import formats
from ftcore.exchange.onnx import export as onnx_export
from ftcore.storage import cache, files, scratch
from tests.helpers.kills import kill_at, kill_at_each_step


def test_a_cache_entry_is_the_old_one_the_new_one_or_absent():
    old, new = ({"ids": np.full(n, n), "more": np.arange(n)} for n in (100, 200))
    seen = set()
    for killed in kill_at_each_step(lambda: cache.store("a", old), lambda: cache.store("a", new)):
        loaded = {key: array.tolist() for key, array in cache.load("a").items()}
        [index] = [
            index
            for index, arrays in enumerate((old, new, {}))
            if loaded == {key: array.tolist() for key, array in arrays.items()}
        ]
        seen.add(index)
        assert killed or index == 1
    assert seen == {0, 1, 2}
    cache.store("a", old)
    assert len(cache.load("a")["ids"]) == 100


def test_several_files_change_together(tmp_path):
    folder = tmp_path / "checkpoint"
    old, new = ({name: text * 3 for name in "abc"} for text in (b"old", b"new"))
    seen = set()
    for killed in kill_at_each_step(
        lambda: files.write_all(folder, old), lambda: files.write_all(folder, new)
    ):
        files.recover(folder)
        contents = {file.name: file.read_bytes() for file in folder.glob("[!.]*")}
        assert contents in (old, new)
        seen.add(contents == new)
        assert killed or contents == new
    assert seen == {False, True}


def test_a_new_folder_is_complete_or_absent(tmp_path):
    targets = [tmp_path / str(number) for number in range(100)]

    def write():
        with files.new_folder(targets[0]) as staging:
            for name in "abc":
                files.write(staging / name, b"content")

    for killed in kill_at_each_step(lambda: targets.pop(0), write):
        target = targets[0]
        assert not target.exists() or {file.name for file in target.iterdir()} == {*"abc"}
        assert killed or target.exists()


def test_what_a_killed_process_left_goes_when_the_next_one_begins(tmp_path):
    mine = tmp_path / ".unfreeze-backup"  # a user's, whatever it is called
    mine.mkdir()

    def write():
        with scratch.folder(tmp_path) as folder:
            files.write(folder / "half", b"content")
            scratch.discard(folder)

    with scratch.folder(tmp_path) as living:
        for _ in kill_at_each_step(lambda: None, write):
            assert living.is_dir()
    assert list(tmp_path.iterdir()) == [mine]


def test_what_a_killed_export_left_goes_when_the_next_one_begins(tmp_path, monkeypatch):
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(system))

    def be_killed(*_):
        yield os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(onnx_export, "write", be_killed)
    assert kill_at(1_000, lambda: drain(formats.export_file("zip", "starter", tmp_path)))
    assert not list(system.iterdir())
    assert len(list(paths.temporary_dir().glob("*/"))) == 1
    assert stat.S_IMODE(paths.temporary_dir().stat().st_mode) == 0o700
    kept = scratch.Temporary()
    assert list(paths.temporary_dir().glob("*/")) == [kept.path]
    del kept
    assert not list(paths.temporary_dir().iterdir())


def test_diagnostics_are_the_old_ones_the_new_ones_or_missing(tmp_path):
    old, new = (
        Diagnostics(("a", "b"), np.zeros(n, int), np.full((n, 2), 0.5, np.float32)) for n in (3, 4)
    )
    seen = set()
    for killed in kill_at_each_step(lambda: old.write(tmp_path), lambda: new.write(tmp_path)):
        read = Diagnostics.read(tmp_path)
        seen.add(len(read.truth) if read else 0)
        assert killed or len(read.truth) == 4
    assert seen == {0, 3, 4}


def test_an_entry_of_the_cache_that_was_cut_short_takes_no_room_for_ever(monkeypatch):
    def store():
        cache.store("a", {"ids": np.zeros(1_000)})

    for _ in kill_at_each_step(lambda: None, store):
        pass
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0")
    cache.store("b", {"ids": np.zeros(1_000)})
    assert [entry.name for entry in paths.cache_dir().iterdir()] == ["b"]
