"""The schema of the store: created, or upgraded where an earlier MLflow wrote it.

    mlflow.db                              the store in our home
    mlflow.db.before-<revision>-<time>     a copy of it, kept before the upgrade to that revision

A store elsewhere may be in use by an earlier MLflow: it is never upgraded.
"""

import functools
import logging
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import mlflow.store.db.utils as mlflow_db
import sqlalchemy
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking.address import is_database, is_home_database
from ftcore.tracking.failures import unavailable

LOCK_SECONDS = 300  # to wait for another process that creates or upgrades the store
DATA_VERSION = "PRAGMA data_version"  # changes when another connection has written
log = logging.getLogger(__name__)


def prepare(uri: str) -> None:
    """Create or upgrade the schema of a store, so that the installed MLflow can open it.

    Raises UnfreezeError if the schema is newer, or if it is older and the store is not in our home.
    """
    if not is_database():
        return  # a tracking server upgrades its own store
    file = paths.database_path()
    if is_home_database():
        file.touch(mode=0o600)
        if _revision(uri) != known_revisions()[0]:
            with FileLock(file.with_name(f".{file.name}.lock"), timeout=LOCK_SECONDS):
                if _revision(uri) != known_revisions()[0]:  # no other process has upgraded it
                    _upgrade(file)
    elif _revision(uri) not in (None, known_revisions()[0]):
        raise UnfreezeError(
            "The database of MLFLOW_TRACKING_URI was written by an earlier MLflow; "
            "keep a copy of it, then run `mlflow db upgrade` on it."
        )


@functools.cache
def known_revisions() -> list[str]:
    """The schema revisions that the installed MLflow knows, newest first."""
    scripts = ScriptDirectory.from_config(mlflow_db._get_alembic_config(""))
    return [script.revision for script in scripts.walk_revisions()]


def _revision(uri: str) -> str | None:
    """The schema revision of a database, None if it is empty. Raises UnfreezeError if it is unknown."""
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    if revision not in (None, *known_revisions()):
        raise UnfreezeError(
            "The record of runs was written by a newer version of MLflow; update Unfreeze to open it."
        )
    return revision


def _upgrade(file: Path) -> None:
    """Upgrade our store in memory, then replace its content in one transaction; keep a copy of the old.

    MLflow's own upgrade has many steps, and a store whose upgrade was killed between two of them can never
    be opened again.
    """
    copy = None
    try:
        with (
            closing(sqlite3.connect(file)) as store,
            closing(sqlite3.connect(":memory:")) as upgraded,
        ):
            version = store.execute(DATA_VERSION).fetchone()
            store.backup(upgraded, progress=_raise_if_locked)
            engine = sqlalchemy.create_engine(
                "sqlite://", creator=lambda: upgraded, poolclass=StaticPool
            )
            mlflow_db._initialize_tables(engine)
            if store.execute("SELECT 1 FROM sqlite_master").fetchone():
                copy = _keep_copy(store, file)
            if store.execute(DATA_VERSION).fetchone() != version:
                raise UnfreezeError(
                    "Another program writes to the record: end that program and start again."
                )
            upgraded.backup(store, progress=_raise_if_locked)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        if copy:
            copy.unlink()
        reason = getattr(error, "orig", None) or error  # without the SQL statement
        if "locked" in str(reason):
            raise unavailable(error) from error
        space = 2 * max(file.stat().st_size, 1_000_000) / 1e6
        raise UnfreezeError(
            f"The record of runs cannot be opened: its upgrade failed ({reason}) and left it "
            f"unchanged. Provide {space:,.0f} MB of free space for {file.parent} and start again."
        ) from error
    if copy:
        log.warning("The record of runs was upgraded; a copy from before is kept as %s.", copy)


def _keep_copy(store: sqlite3.Connection, file: Path) -> Path:
    """Copy a store to a file beside it, which only its owner can read."""
    copy = file.with_name(
        f"{file.name}.before-{known_revisions()[0]}-{datetime.now():%Y%m%d-%H%M%S}"
    )
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)  # left by a process that was killed here
    part.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(part)) as database:
            store.backup(database, progress=_raise_if_locked)
        return part.rename(copy)
    finally:
        part.unlink(missing_ok=True)


def _raise_if_locked(status: int, remaining: int, total: int) -> None:
    """Raise sqlite3.OperationalError if a database was still locked after SQLite's own timeout."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("database is locked")
