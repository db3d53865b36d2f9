import os
from pathlib import Path

import numpy as np
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.storage import cache


def kept(megabytes: float, name: str, days_ago: float) -> None:
    """An entry of a size, last used some days ago."""
    cache.store(name, {"ids": np.zeros(int(megabytes * 1e6), np.uint8)})
    then = (paths.cache_dir() / name).stat().st_mtime - days_ago * 86_400
    os.utime(paths.cache_dir() / name, (then, then))


def names() -> set[str]:
    return {entry.name for entry in paths.cache_dir().iterdir()}


def test_arrays_come_back_and_what_one_changes_in_them_is_not_kept() -> None:
    arrays = {
        "ids": np.arange(5, dtype=np.int32),
        "seconds": np.array(1.5),
        "none": np.zeros((0, 3)),
        "turned": np.arange(6).reshape(2, 3).T,
    }
    cache.store("one", arrays)
    found = cache.load("one")
    assert found.keys() == arrays.keys()
    for key, array in arrays.items():
        assert found[key].dtype == array.dtype and np.array_equal(found[key], array)
    found["ids"][0] = 99
    assert cache.load("one")["ids"][0] == 0
    assert cache.load("other") == {}


def test_the_newer_arrays_of_a_name_are_those_that_count() -> None:
    cache.store("one", {"old": np.zeros(3)})
    held = cache.load("one")["old"]
    cache.store("one", {"new": np.ones(2)})
    assert list(cache.load("one")) == ["new"]
    assert held.tolist() == [0, 0, 0]  # who still holds the old ones keeps them
    assert names() == {"one"}


@pytest.mark.parametrize("left", [0, 20, 200])
def test_an_array_that_was_cut_short_is_not_there(left: int) -> None:
    cache.store("one", {"ids": np.arange(1000)})
    file = paths.cache_dir() / "one" / "ids.npy"
    file.write_bytes(file.read_bytes()[:left])
    assert cache.load("one") == {}
    cache.store("one", {"ids": np.arange(3)})
    assert cache.load("one")["ids"].tolist() == [0, 1, 2]


def test_what_was_not_used_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0.0045")
    for name, days_ago in (("a", 4), ("b", 3), ("c", 2), ("d", 1)):
        kept(1, name, days_ago)
    assert names() == {"a", "b", "c", "d"}
    cache.load("a")
    cache.store("new", {"ids": np.zeros(1_000_000, np.uint8)})
    assert names() == {"a", "c", "d", "new"}


def test_files_of_others_and_what_a_crash_left_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    kept(1, ".left", 9)
    text = paths.cache_dir() / "texts-1.bin"
    text.write_bytes(bytes(1_000_000))
    os.utime(text, (0, 0))
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0.0011")
    cache.store("new", {"ids": np.zeros(1_000_000, np.uint8)})
    assert names() == {"new"}


def test_what_was_just_stored_stays_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0")
    kept(1, "a", 1)
    cache.store("new", {"ids": np.zeros(10)})
    assert names() == {"new"}


def test_a_size_that_is_no_number_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "much")
    with pytest.raises(UnfreezeError, match="number of gigabytes"):
        cache.store("one", {"ids": np.zeros(1)})


def test_where_nothing_can_be_written_the_error_reaches_the_caller(tmp_path: Path) -> None:
    paths.home().mkdir(parents=True)
    paths.cache_dir().write_text("in the way")
    with pytest.raises(OSError):
        cache.store("one", {"ids": np.zeros(1)})
    assert cache.load("one") == {}
