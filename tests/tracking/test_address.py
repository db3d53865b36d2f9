"""A home of any name holds its own record, and nothing is written beside it."""

import os
import stat
from pathlib import Path

import pytest

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from tests.helpers import paused_runs, small_runs
from tests.helpers.app_pages import open_page, text

NAMES = [
    "a?b",
    "a%20b",
    "u%40x @",
    "a#b;c&d=e+f",
    "ü ☃ '\"\\",
    "?mode=memory",
    ":memory:",
    "file:%2F",
]
NAMES += ["%% [a]*\n~"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_home_of_any_name_holds_its_own_record(name, tmp_path, monkeypatch):
    parent = tmp_path / "homes"
    home = parent / name
    monkeypatch.setenv("UNFREEZE_HOME", str(home))
    small_runs.small_sample(monkeypatch)
    run_id = paused_runs.finished(small_runs.config(epochs=1, name="Mine"))
    assert tracking.runs()["run_id"].tolist() == [run_id]
    assert len(tracking.history(run_id)) > 2
    assert checkpoints.find(run_id).path.is_relative_to(home)
    assert list(parent.iterdir()) == [home]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for file in home.glob("mlflow.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["\udcff", "~nobody-of-this-name/home"])
def test_a_home_that_cannot_be_named_is_refused_in_a_sentence(name, tmp_path, monkeypatch):
    folder = name if name.startswith("~") else os.path.join(tmp_path, name)
    monkeypatch.setenv("UNFREEZE_HOME", folder)
    with pytest.raises(UnfreezeError, match="UNFREEZE_HOME"):
        tracking.runs()
    assert "UNFREEZE_HOME" in text(open_page("runs"))
    assert list(Path(tmp_path).iterdir()) == []


def test_our_database_is_known_by_any_spelling_of_its_address(monkeypatch, tmp_path):
    for uri, ours in (
        (f"sqlite:///{paths.database_path()}", True),
        (f"sqlite+pysqlite:///{paths.database_path()}", True),
        (f"sqlite:///{tmp_path / 'other.db'}", False),
        ("http://127.0.0.1:5000", False),
        ("postgresql://user:secret@host/name", False),
        ("no address", False),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert tracking.address.is_home_database() == ours, uri


def test_a_connection_to_postgresql_ends_where_a_network_is_cut():
    """Without limits, libpq waits for an answer for hours, and a run with it."""
    limited = tracking.address.with_limits("postgresql+psycopg://me:s3cret@db/x?connect_timeout=30")
    assert limited.startswith("postgresql+psycopg://me:s3cret@db/x?connect_timeout=30&")
    assert "keepalives_idle=5" in limited and "tcp_user_timeout=15000" in limited
    for uri in ("http://127.0.0.1:5000", "sqlite:////tmp/a%3Fb.db"):
        assert tracking.address.with_limits(uri) == uri
