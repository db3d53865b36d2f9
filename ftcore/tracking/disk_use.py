"""How much of the disk runs take."""

from collections.abc import Iterable
from pathlib import Path

from ftcore import paths
from ftcore.tracking import logged_models


def disk_use(run_ids: Iterable[str]) -> dict[str, int]:
    """Bytes in our home that go with each run: its files, and the models that were logged with it."""
    logged = logged_models.folders()
    return {
        run_id: sum(map(_size, (paths.runs_dir() / run_id, *logged.get(run_id, ()))))
        for run_id in run_ids
    }


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
