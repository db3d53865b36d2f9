"""Files that several write and read at once."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore.errors import UnfreezeError
from ftcore.storage import files


def test_what_a_killed_process_saved_is_put_in_place_by_whoever_is_quicker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every page that lists checkpoints does so, also while the run saves the next one."""
    (tmp_path / ".ready").mkdir()
    (tmp_path / ".ready" / "a").write_text("new")
    (tmp_path / "a").write_text("old")
    listed = Path.iterdir

    def slower(folder: Path) -> Iterator[Path]:
        monkeypatch.undo()
        files.recover(tmp_path)
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", slower)
    files.recover(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "there", "there/below", "folder"])
def test_a_new_folder_is_refused_where_it_cannot_be(name: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UnfreezeError, match="; choose another"), files.new_folder(tmp_path / name):
        pytest.fail("it was there to be filled")
    assert {one.name for one in tmp_path.iterdir()} == {"there", "folder"}


def test_a_new_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(UnfreezeError, match="No space left"),
        files.new_folder(tmp_path / "a/b") as new,
    ):
        files.write(new / "one", b"1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not [one for one in tmp_path.rglob("*") if one.is_file()]
    with files.new_folder(tmp_path / "a" / "b") as new:
        files.write(new / "one", b"1")
        assert not (tmp_path / "a" / "b").exists()
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b" / "one").read_bytes() == b"1"
