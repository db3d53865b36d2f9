"""Atomic writes under concurrency, invalid targets and a full disk."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore.errors import UnfreezeError
from ftcore.storage import files


def test_concurrent_recovery_puts_the_new_files_in_place(tmp_path, monkeypatch):
    """Every page that lists checkpoints recovers them, also while a run saves the next one."""
    (tmp_path / ".ready").mkdir()
    (tmp_path / ".ready" / "a").write_text("new")
    (tmp_path / "a").write_text("old")
    iterdir = Path.iterdir

    def recover_first(folder: Path) -> Iterator[Path]:
        monkeypatch.undo()
        files.recover(tmp_path)
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", recover_first)
    files.recover(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "file", "file/below", "folder"])
def test_new_folder_refuses_an_invalid_target(name, tmp_path):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnfreezeError, match="; choose another"), files.new_folder(tmp_path / name):
        pytest.fail("the body must not run")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_new_folder_is_complete_or_absent(tmp_path):
    target = tmp_path / "a" / "b"
    with pytest.raises(UnfreezeError, match="No space left"), files.new_folder(target) as staging:
        files.write(staging / "file", b"1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    with files.new_folder(target) as staging:
        files.write(staging / "file", b"1")
        assert not target.exists()
    assert list(target.parent.iterdir()) == [target]
    assert (target / "file").read_bytes() == b"1"
