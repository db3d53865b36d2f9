"""Files that several write and read at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore import files


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
        files.settle(tmp_path)
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", slower)
    files.settle(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"
