import os

import numpy as np
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.storage import cache

MEGABYTE = {"ids": np.zeros(1_000_000, np.uint8)}


def names() -> set[str]:
    return {entry.name for entry in paths.cache_dir().iterdir()}


def test_load_returns_the_arrays_stored_last():
    arrays = {"ids": np.arange(5, dtype=np.int32), "scalar": np.array(1.5)}
    arrays |= {"empty": np.zeros((0, 3)), "transposed": np.arange(6).reshape(2, 3).T}
    cache.store("a", arrays)
    loaded = cache.load("a")
    assert loaded.keys() == arrays.keys()
    for key, array in arrays.items():
        assert loaded[key].dtype == array.dtype and np.array_equal(loaded[key], array)
    loaded["ids"][0] = 99
    assert cache.load("a")["ids"][0] == 0, "changes are not stored"
    assert cache.load("b") == {}
    cache.store("a", {"new": np.ones(2)})
    assert list(cache.load("a")) == ["new"] and names() == {"a"}
    assert loaded["empty"].shape == (0, 3) and loaded["scalar"] == 1.5, "still readable"


@pytest.mark.parametrize("size", [0, 20, 200])
def test_truncated_array_is_absent(size):
    cache.store("a", {"ids": np.arange(1000)})
    os.truncate(paths.cache_dir() / "a" / "ids.npy", size)
    assert cache.load("a") == {}
    cache.store("a", {"ids": np.arange(3)})
    assert cache.load("a")["ids"].tolist() == [0, 1, 2]


def test_least_recently_used_entries_are_removed(monkeypatch):
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0.0045")
    for seconds, name in enumerate((".staging", "a", "b", "c")):
        cache.store(name, MEGABYTE)
        os.utime(paths.cache_dir() / name, (seconds, seconds))
    assert names() == {".staging", "a", "b", "c"}
    (paths.cache_dir() / "texts.bin").write_bytes(bytes(1000))
    os.utime(paths.cache_dir() / "texts.bin", (0, 0))
    cache.load("a")
    cache.store("new", MEGABYTE)
    assert names() == {"a", "b", "c", "new"}
    for limit in ("0.0011", "0"):  # the new entry stays, however large
        monkeypatch.setenv("UNFREEZE_CACHE_GB", limit)
        cache.store("new", MEGABYTE)
        assert names() == {"new"}
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "much")
    with pytest.raises(UnfreezeError, match="give a number"):
        cache.store("a", MEGABYTE)


@pytest.mark.parametrize(
    "damage", ["bit", "high bit", "other entry", "no checksums", "an array is gone"]
)
def test_a_damaged_entry_is_absent_until_it_is_stored_again(damage):
    ids = np.arange(1000, dtype=np.int32)
    for name in ("a", "b"):
        cache.store(name, {"ids": ids, "offsets": np.arange(3) + ord(name)})
    file = paths.cache_dir() / "a" / "ids.npy"
    content = bytearray(file.read_bytes())
    if damage in ("bit", "high bit"):
        content[-1] ^= 1 if damage == "bit" else 128
        file.write_bytes(content)
    elif damage == "other entry":
        (paths.cache_dir() / "b" / "offsets.npy").replace(file.with_name("offsets.npy"))
    elif damage == "no checksums":
        file.with_name(cache.CHECKSUMS).unlink()
    else:
        file.unlink()
    assert cache.load("a") == {}
    cache.store("a", {"ids": ids})
    assert cache.load("a")["ids"].tolist() == ids.tolist()
