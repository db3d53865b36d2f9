"""What an earlier version wrote opens; what a newer one wrote is refused with a sentence."""

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import mlflow.store.db.utils as mlflow_db
import numpy as np
import pytest
import sqlalchemy
from alembic import command
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from mlflow.tracking import MlflowClient

from ftcore import paths, tracking
from ftcore.config import mode_title
from ftcore.diagnostics.results import ARRAYS, METADATA, Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.experiments import archive, catalog
from ftcore.models import checkpoints
from ftcore.storage import cache
from ftcore.text.truncation import Truncation
from ftcore.tracking import migrations
from tests.helpers import disk_limit, small_runs

MLFLOW_2_9 = "acf3f17fdcc7"  # the form of MLflow 2.9, of 2023, which lacks many of today's tables
LAST = migrations._forms()[1]  # the form before today's, from which MLflow itself would not go on


def write_old_store(file: Path, form: str) -> None:
    """A store as an earlier MLflow left it, with a run as the first commits of Unfreeze recorded them."""
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    InitialBase.metadata.create_all(engine)
    command.upgrade(mlflow_db._get_alembic_config(f"sqlite:///{file}"), form)
    engine.dispose()
    # Written before there were the settings word_dropout, embedding_rate and tail, and a format.
    config = {"checkpoint": "starter", "dataset": "sample", "mode": "last-layer", "epochs": 2}
    tags = {"status": "finished", "message": "Done.", "config": json.dumps(config), "pid": "1"}
    with closing(sqlite3.connect(file)) as store:
        store.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) "
            "VALUES (1, 'unfreeze', ?, 'active')",
            [(file.parent / "runs").as_uri()],
        )
        store.execute(
            "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id,"
            " artifact_uri, user_id, source_type, source_name, source_version) "
            "VALUES ('old', 'Long ago', 'FINISHED', 1700000000000, 'active', 1, ?, '', 'LOCAL', '', '')",
            [(file.parent / "runs/old/artifacts").as_uri()],
        )
        store.executemany(
            "INSERT INTO tags (run_uuid, key, value) VALUES ('old', ?, ?)",
            [(f"unfreeze.{key}", value) for key, value in tags.items()],
        )
        for step, loss in enumerate((0.7, 0.5)):
            store.execute(
                "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) "
                "VALUES ('old', 'val/loss', ?, 1700000000000, ?, 0)",
                [loss, step],
            )
        store.commit()


@pytest.fixture(scope="module")
def old_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store in each of two earlier forms."""
    folder = tmp_path_factory.mktemp("stores")
    files = {form: folder / form for form in (MLFLOW_2_9, LAST)}
    for form, file in files.items():
        write_old_store(file, form)
    return files


@pytest.fixture
def old_store(old_stores: dict[str, Path], home: Path) -> Path:
    """The oldest of them, in the home of this test."""
    home.mkdir()
    return Path(shutil.copy(old_stores[MLFLOW_2_9], paths.database_path()))


def backups(home: Path) -> list[Path]:
    return list(home.glob("mlflow.db.before-*"))


def form(file: Path) -> str:
    with closing(sqlite3.connect(file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return str(store.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.mark.parametrize("written", [MLFLOW_2_9, LAST])
def test_a_store_of_an_earlier_mlflow_opens_and_a_copy_of_what_it_was_is_kept(
    written: str, old_stores: dict[str, Path], home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.mkdir()
    shutil.copy(old_stores[written], paths.database_path())
    row = tracking.runs().iloc[0]
    assert (row["run_id"], row["name"], row["status"]) == ("old", "Long ago", "finished")
    assert tracking.history("old")["loss"].tolist() == [0.7, 0.5]
    assert tracking.create_run(tracking.run("old").config)  # and it can be written to
    (kept,) = backups(home)
    assert str(kept) in caplog.text
    assert form(kept) == written and form(paths.database_path()) == migrations._forms()[0]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with closing(sqlite3.connect(kept)) as store:
        assert store.execute("SELECT name FROM runs").fetchall() == [("Long ago",)]


# Imports once, then makes a process for each `home:kill`, which opens the store in that home. It is killed
# after so many seconds, or, where these are negative, so many after the new content begins to be put in.
_KILLED = """
import os, signal, sys, time
from ftcore.tracking import schema, store

def open_store(home, began):
    os.environ["UNFREEZE_HOME"] = home
    changes, calls = schema._changes, []
    def told(store):
        calls.append(store)
        if len(calls) == 2:
            os.write(began, b".")
        return changes(store)
    schema._changes = told
    try:
        store.connect()
    finally:
        os._exit(0)

for home, seconds in (job.rsplit(":", 1) for job in sys.argv[1:]):
    began, tell = os.pipe()
    process = os.fork() or open_store(home, tell)
    if float(seconds) <= 0:
        os.read(began, 1)
    time.sleep(abs(float(seconds)))
    os.kill(process, signal.SIGKILL)
    print(os.waitpid(process, 0)[1])
"""


def test_a_process_killed_at_any_instant_leaves_a_store_that_opens(
    old_stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With MLflow's own steps, half of the homes killed while their store was made never opened again."""
    moments = [0.03, 0.1, 0.2, 0.3, 0.45, -0.0, -0.001, -0.002, -0.004]
    homes = {}
    for number, moment in enumerate(moments):
        home = tmp_path / str(number)
        home.mkdir()
        if number % 2:
            shutil.copy(old_stores[MLFLOW_2_9], home / "mlflow.db")
        homes[home] = moment
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *(f"{home}:{moment}" for home, moment in homes.items())],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
    )
    killed = done.stdout.split()
    assert len(killed) == len(homes) and killed.count("9") > len(homes) / 2, done.stderr
    for number, home in enumerate(homes):
        monkeypatch.setenv("UNFREEZE_HOME", str(home))
        migrations.prepare(paths.tracking_uri())
        assert form(home / "mlflow.db") == migrations._forms()[0]
        with closing(sqlite3.connect(home / "mlflow.db")) as store:
            assert len(store.execute("SELECT * FROM runs").fetchall()) == number % 2
        assert not list(home.glob("*.part")) and not list(home.glob(".*.part"))


_TOGETHER = """
import os, sys
from ftcore.tracking import runs

for home in sys.argv[1:]:
    os.environ["UNFREEZE_HOME"] = home
    wait, start = os.pipe()
    processes = []
    for _ in range(3):
        process = os.fork()
        if not process:
            os.close(start)
            os.read(wait, 1)  # until all are there
            status = 99
            try:
                status = len(runs())
            finally:
                os._exit(status)
        processes.append(process)
    os.close(start)
    print([os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes])
"""


def test_processes_that_open_a_store_at_the_same_instant_renew_it_once(
    old_store: Path, home: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOGETHER, str(home), str(tmp_path / "new")],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
    )
    assert done.stdout.splitlines() == ["[1, 1, 1]", "[0, 0, 0]"], done.stderr
    assert len(backups(home)) == 1 and not backups(tmp_path / "new")


def test_a_newer_store_is_refused_and_stays_as_it_is(old_store: Path, home: Path) -> None:
    with closing(sqlite3.connect(old_store)) as store:
        store.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        store.commit()
    before = old_store.read_bytes()
    with pytest.raises(UnfreezeError, match="newer version of MLflow; update"):
        tracking.runs()
    assert old_store.read_bytes() == before and not backups(home)


def test_a_database_of_somebody_else_is_never_changed(
    old_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Path(shutil.copy(old_store, tmp_path / "theirs.db"))
    before = theirs.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{theirs}")
    with pytest.raises(UnfreezeError, match="keep a copy of it, then run `mlflow db upgrade`"):
        tracking.runs()
    assert theirs.read_bytes() == before and list(tmp_path.glob("theirs.db*")) == [theirs]


@pytest.mark.parametrize("room", [100_000, 500_000], ids=["for no copy", "for the copy alone"])
def test_a_disk_without_room_leaves_the_store_as_it_was(
    room: int, old_store: Path, home: Path
) -> None:
    before = old_store.read_bytes()
    with (
        disk_limit.limit_file_size(room),
        pytest.raises(UnfreezeError, match=r"stays as it was.* MB free"),
    ):
        tracking.runs()
    assert old_store.read_bytes() == before
    assert {file.name for file in home.iterdir()} <= {"mlflow.db", ".mlflow.db.lock"}
    assert len(tracking.runs()) == 1  # once there is room


def test_a_store_that_another_program_writes_to_is_left_to_it(
    old_store: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed = migrations._renewed

    def meanwhile(store: sqlite3.Connection) -> sqlite3.Connection:
        found = renewed(store)
        with closing(sqlite3.connect(old_store)) as other:
            other.execute("UPDATE runs SET name = 'Theirs'")
            other.commit()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_renewed", meanwhile)
        with pytest.raises(UnfreezeError, match="end that program"):
            tracking.runs()
    assert form(old_store) == MLFLOW_2_9
    assert tracking.runs()["name"].tolist() == ["Theirs"]


@pytest.mark.parametrize("runs", [0, 1])
def test_a_store_that_was_left_half_made_is_made_anew_unless_it_holds_runs(
    runs: int, old_store: Path, home: Path
) -> None:
    with closing(sqlite3.connect(old_store)) as store:
        store.execute(
            "CREATE TABLE trace_info (of_a_step TEXT)"
        )  # that was killed before it was noted
        if not runs:
            store.execute("DELETE FROM runs")
        store.commit()
    if runs:
        with pytest.raises(UnfreezeError, match="stays as it was"):
            tracking.runs()
        assert form(old_store) == MLFLOW_2_9 and not backups(home)
    else:
        assert tracking.runs().empty and len(backups(home)) == 1


# Runs


def test_a_setting_that_an_old_run_had_not_stands_as_that_run_worked(old_store: Path) -> None:
    config = tracking.run("old").config
    assert (config.mode, config.epochs) == ("last-layer", 2)
    assert (config.word_dropout, config.embedding_rate, config.tail) == (0.0, 1.0, 0.0)


def retag(run_id: str, **tags: str) -> None:
    client = MlflowClient(tracking_uri=paths.tracking_uri())
    for key, value in tags.items():
        client.set_tag(run_id, f"unfreeze.{key}", value)


def test_a_run_of_a_newer_version_is_listed_and_says_so() -> None:
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    newer, ours = small_runs.run(name="Newer"), small_runs.run("running", saved=False, name="Ours")
    retag(newer, format="2", config='{"things": "unheard of"}', status="dreaming")
    table = tracking.runs().set_index("run_id")
    assert table.loc[ours, "status"] == "running"
    assert table.loc[newer, "status"] == "unreadable"
    assert table.loc[newer, "message"] == (
        "Newer was written by a newer version of Unfreeze; update to open it."
    )
    for use in (tracking.run, tracking.delete, lambda run_id: catalog.load([run_id])):
        with pytest.raises(UnfreezeError, match="newer version of Unfreeze; update to open it"):
            use(newer)
    done = subprocess.run(
        [sys.executable, "-m", "ftcore", "resume", newer],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
    )
    assert done.returncode and "update to open it" in done.stderr


def test_one_broken_run_never_hides_the_others() -> None:
    good = tracking.create_run(small_runs.FineTuneConfig(name="Good"), "mine", "Mine")
    bad = [
        {"config": "{"},
        {"config": "[]"},
        {"config": '"x"'},
        {"config": '{"mode": "renamed"}'},
        {"config": '{"mode": []}'},
        {"config": '{"epochs": "many"}'},
        {"facts": "{"},
        {"notes": "]"},
        {"progress": "a|b|c"},
        {"phase_began": "noon"},
        {"format": "x"},
    ]
    broken = []
    for tags in bad:
        run_id = tracking.create_run(small_runs.FineTuneConfig(), "mine", "Mine")
        retag(run_id, **tags)
        broken.append(run_id)
    table = tracking.runs().set_index("run_id")
    assert table.loc[good, "status"] == "queued"
    assert set(table.loc[broken, "status"]) == {"unreadable"}
    assert catalog.run_ids("mine") == [good] and len(catalog.experiments()) == 2
    tracking.close_interrupted()
    for run_id in broken:
        with pytest.raises(UnfreezeError, match="cannot be read; delete this run"):
            tracking.run(run_id)
        tracking.delete(run_id)
    assert tracking.runs()["run_id"].tolist() == [good]


def test_a_mode_that_is_no_more_keeps_its_name() -> None:
    assert [mode_title(mode) for mode in ("renamed", "last-3", "full")] == [
        "renamed",
        "Last 3 groups",
        "Full",
    ]


# Files


def rewrite(file: Path, **changes: object) -> None:
    values = json.loads(file.read_text("utf-8")) | changes
    file.write_text(json.dumps({k: v for k, v in values.items() if v is not None}), "utf-8")


def test_a_checkpoint_of_the_first_format_opens() -> None:
    path = paths.checkpoints_dir() / "old"
    small_runs.checkpoint(path, "old")
    rewrite(path / checkpoints.CONFIG, format=1, tail=None)
    old = checkpoints.find("old")
    assert old.window == Truncation(16, 0.0)
    assert not checkpoints.load_model(old).training and len(checkpoints.load_vocabulary(old)) == 10


def test_a_newer_checkpoint_is_refused_and_does_not_hide_the_others() -> None:
    for ref in ("ours", "newer"):
        small_runs.checkpoint(paths.checkpoints_dir() / ref, ref)
    rewrite(paths.checkpoints_dir() / "newer" / checkpoints.CONFIG, format=99, new=1)
    assert "ours" in [one.ref for one in checkpoints.list_checkpoints()]
    assert "newer" not in [one.ref for one in checkpoints.list_checkpoints()]
    with pytest.raises(UnfreezeError, match=r"newer was written by a newer version .* update"):
        checkpoints.find("newer")


def test_the_words_that_old_runs_share_with_the_starter_never_change() -> None:
    """A run whose word vectors did not train holds none; others under the same name would change it."""
    starter = checkpoints.find("starter")
    vectors = (starter.path / checkpoints.WORDS).read_bytes()
    assert starter.words_fingerprint == "e16397cedffc2849"
    assert hashlib.sha256(vectors).hexdigest()[:16] == "fb7965ced9d310d1"


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"format": 2, "runs": [{"of": "another shape"}]}, "newer version; update to open it"),
        ({"runs": [{"folder": "x", "config": []}]}, "no readable experiment"),
        ({"name": None}, "no readable experiment"),
    ],
)
def test_an_experiment_of_another_format_is_a_sentence(
    record: dict[str, object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = paths.BUNDLED_EXPERIMENTS / catalog.BUNDLED
    folder = tmp_path / catalog.BUNDLED
    shutil.copytree(bundled, folder)
    assert len(archive.read(folder)) == len(archive.read(bundled))
    rewrite(folder / "experiment.json", **record)
    with pytest.raises(UnfreezeError, match=sentence):
        archive.read(folder)


def test_what_an_earlier_version_saw_inside_a_run_opens_and_what_a_newer_one_saw_is_passed_over(
    tmp_path: Path,
) -> None:
    truth, answers = np.array([0, 1]), np.array([[0.6, 0.4], [0.2, 0.8]], np.float32)
    rest = {"labels": ["bad", "good"], "moved": {"head": 0.5}, "forgot": None}
    (tmp_path / METADATA).write_text(json.dumps(rest))
    np.savez(tmp_path / ARRAYS, truth=truth, probabilities=answers)
    found = Diagnostics.read(tmp_path)
    assert found is not None and found.labels == ("bad", "good") and len(found.map_rows) == 0
    np.savez(tmp_path / ARRAYS, truth=truth, probabilities=answers, more=truth)
    assert Diagnostics.read(tmp_path) is None


def test_the_cache_of_an_earlier_layout_is_not_read_and_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths.cache_dir().mkdir(parents=True)
    old = paths.cache_dir() / "features-abc.npz"
    np.savez(old, vectors=np.zeros(1000))
    os.utime(old, (time.time() - 99, time.time() - 99))
    assert cache.load("features-abc") == {}
    monkeypatch.setenv("UNFREEZE_CACHE_GB", "0.000009")
    cache.store("features-abc", {"vectors": np.ones(1000)})
    assert not old.exists() and cache.load("features-abc")["vectors"].sum() == 1000
