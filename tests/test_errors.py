"""What counts as lack of memory."""

from pathlib import Path
from typing import NoReturn

import pytest

from ftcore.errors import user_message
from ftcore.models import checkpoint_files
from ftcore.training import snapshots
from tests.helpers import small_runs


class PanicException(BaseException):
    """As pyo3 raises it where safetensors lacks memory."""


def panic(*_: object) -> NoReturn:
    raise PanicException


def test_panic_of_safetensors_means_out_of_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftcore.paths.BUNDLED_CHECKPOINTS", home)
    checkpoint = small_runs.checkpoint(home / "base", "base")
    snapshots.path(home).touch()
    monkeypatch.setattr("safetensors.torch.load_file", panic)
    monkeypatch.setattr(snapshots, "safe_open", panic)
    with pytest.raises(MemoryError):
        checkpoint_files.load_model(checkpoint)
    with pytest.raises(MemoryError) as raised:
        snapshots.load(home)
    assert user_message(raised.value).startswith("Out of memory: reduce")
