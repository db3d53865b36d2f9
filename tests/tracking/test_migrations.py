"""Stores of an earlier MLflow are upgraded, those of a newer one are refused."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import mlflow.store.db.utils as mlflow_db
import pytest
import sqlalchemy
from alembic import command
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.tracking import migrations
from ftcore.tracking.address import tracking_uri
from tests.helpers import disk_limit
from tests.helpers.controlled_training import call_concurrently

pytestmark = pytest.mark.slow

MLFLOW_2_9 = "acf3f17fdcc7"  # schema revision of MLflow 2.9 (2023)


@pytest.fixture(scope="module")
def mlflow_2_9_store(tmp_path_factory):
    """A store with the schema of MLflow 2.9 that holds one run."""
    file = tmp_path_factory.mktemp("stores") / "mlflow.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    InitialBase.metadata.create_all(engine)
    command.upgrade(mlflow_db._get_alembic_config(f"sqlite:///{file}"), MLFLOW_2_9)
    engine.dispose()
    with closing(sqlite3.connect(file)) as store:
        store.executescript("""
            INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)
            VALUES (1, 'unfreeze', 'file:///runs', 'active');
            INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id,
                artifact_uri, user_id, source_type, source_name, source_version)
            VALUES ('old', 'Long ago', 'FINISHED', 1700000000000, 'active', 1, 'file:///runs/old',
                '', 'LOCAL', '', '');
            INSERT INTO tags (run_uuid, key, value) VALUES ('old', 'unfreeze.status', 'finished'),
                ('old', 'unfreeze.config', '{"dataset": "sample", "mode": "last-layer"}');
            INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan)
            VALUES ('old', 'val/loss', 0.7, 1700000000000, 0, 0),
                ('old', 'val/loss', 0.5, 1700000000000, 1, 0);
        """)
        store.commit()
    return file


@pytest.fixture
def old_store(mlflow_2_9_store, home):
    """That store in the home of this test."""
    home.mkdir()
    return Path(shutil.copy(mlflow_2_9_store, paths.database_path()))


def copies(home: Path) -> list[Path]:
    return list(home.glob("mlflow.db.before-*"))


def revision(file: Path) -> str:
    with closing(sqlite3.connect(file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_older_store_is_upgraded_and_a_copy_is_kept(old_store, home, caplog):
    row = tracking.runs().iloc[0]
    assert (row["run_id"], row["name"], row["status"]) == ("old", "Long ago", "finished")
    assert tracking.history("old")["loss"].tolist() == [0.7, 0.5]
    assert tracking.create_run(tracking.run("old").config)
    (copy,) = copies(home)
    assert str(copy) in caplog.text
    assert revision(copy) == MLFLOW_2_9 and revision(old_store) == migrations.known_revisions()[0]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


# Opens the store of each `home:seconds` in a child process, which is killed after that time.
KILL = """
import os, signal, sys, time
from ftcore.tracking import store

for home, seconds in (job.rsplit(":", 1) for job in sys.argv[1:]):
    os.environ["UNFREEZE_HOME"] = home
    process = os.fork()
    if not process:
        store.connect()
        os._exit(0)
    time.sleep(float(seconds))
    os.kill(process, signal.SIGKILL)
    print(os.waitpid(process, 0)[1])
"""


def test_store_opens_after_a_process_was_killed_while_it_created_or_upgraded_it(
    mlflow_2_9_store, tmp_path, monkeypatch
):
    moments = (0.03, 0.1, 0.2, 0.3, 0.4)
    homes = {tmp_path / f"{kind}-{moment}": moment for kind in ("new", "old") for moment in moments}
    for home in homes:
        home.mkdir()
        if home.name.startswith("old"):
            shutil.copy(mlflow_2_9_store, home / "mlflow.db")
    jobs = [f"{home}:{moment}" for home, moment in homes.items()]
    done = subprocess.run(
        [sys.executable, "-c", KILL, *jobs], capture_output=True, text=True, cwd=paths.ROOT
    )
    assert done.stdout.split().count(str(9)) >= 2, done.stderr
    for home in homes:
        monkeypatch.setenv("UNFREEZE_HOME", str(home))
        assert tracking.runs()["run_id"].tolist() == ["old"] * home.name.startswith("old")
        assert not list(home.glob("*.part"))


def test_concurrent_openings_upgrade_a_store_once(old_store, home):
    prepare = partial(migrations.prepare, tracking_uri())
    assert call_concurrently(prepare, prepare, prepare) == [None] * 3
    assert len(tracking.runs()) == len(copies(home)) == 1


def test_newer_store_is_refused_and_unchanged(old_store, home):
    with closing(sqlite3.connect(old_store)) as store:
        store.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        store.commit()
    before = old_store.read_bytes()
    with pytest.raises(UnfreezeError, match="newer version of MLflow; update"):
        tracking.runs()
    assert old_store.read_bytes() == before and not copies(home)


def test_older_store_outside_the_home_is_refused_and_unchanged(
    mlflow_2_9_store, tmp_path, monkeypatch
):
    shared = Path(shutil.copy(mlflow_2_9_store, tmp_path / "shared.db"))
    before = shared.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared}")
    with pytest.raises(UnfreezeError, match="keep a copy of it, then run `mlflow db upgrade`"):
        tracking.runs()
    assert shared.read_bytes() == before and list(tmp_path.glob("shared.db*")) == [shared]


@pytest.mark.parametrize("space", [100_000, 500_000], ids=["for no copy", "for the copy alone"])
def test_store_is_unchanged_if_the_disk_is_too_full_to_upgrade_it(space, old_store, home):
    before = old_store.read_bytes()
    with (
        disk_limit.limit_file_size(space),
        pytest.raises(UnfreezeError, match=r"left it unchanged.* MB of free space"),
    ):
        tracking.runs()
    assert old_store.read_bytes() == before
    assert {file.name for file in home.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}
    assert len(tracking.runs()) == 1


def test_upgrade_never_overwrites_what_another_program_writes_meanwhile(old_store, monkeypatch):
    initialize = mlflow_db._initialize_tables

    def initialize_and_write(engine: sqlalchemy.Engine) -> None:
        initialize(engine)
        with closing(sqlite3.connect(old_store)) as other:
            other.execute("UPDATE runs SET name = 'Renamed'")
            other.commit()

    with monkeypatch.context() as patch:
        patch.setattr(mlflow_db, "_initialize_tables", initialize_and_write)
        with pytest.raises(UnfreezeError, match="end that program"):
            tracking.runs()
    assert revision(old_store) == MLFLOW_2_9
    assert tracking.runs()["name"].tolist() == ["Renamed"]
