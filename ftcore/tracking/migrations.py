"""The form of the store: made where there is none, brought up to date where an earlier MLflow wrote it.

    mlflow.db                          the store in our home
    mlflow.db.before-<form>-<time>     what it was before it came to that form

A store elsewhere belongs to somebody else, who may still open it with an earlier MLflow: it stays as it is.
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
from mlflow.store.db.db_types import DATABASE_ENGINES
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from ftcore import paths
from ftcore.errors import UnfreezeError

PATIENCE = 300  # seconds that one process waits for another to make or renew the store
log = logging.getLogger(__name__)


def prepare(uri: str) -> None:
    """See to it that a store has the form that this MLflow knows.

    Raises UnfreezeError where its form is a newer one, or an earlier one and not ours to change.
    """
    if uri.partition(":")[0].partition("+")[0] not in DATABASE_ENGINES:
        return  # a server sees to its own
    file = paths.database_path()
    if uri != f"sqlite:///{file}":
        if _form(uri) not in (None, _forms()[0]):
            raise UnfreezeError(
                "The database that MLFLOW_TRACKING_URI names was written by an earlier MLflow; "
                "keep a copy of it, then run `mlflow db upgrade` on it."
            )
        return
    file.touch(mode=0o600)
    if _form(uri) == _forms()[0]:
        return
    with FileLock(file.with_name(f".{file.name}.lock"), timeout=PATIENCE):
        if _form(uri) != _forms()[0]:  # no other process was quicker
            _renew(file)


def _form(uri: str) -> str | None:
    """The form of a database, None for an empty one. Raises UnfreezeError for one that is not known."""
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found not in (None, *_forms()):
        raise UnfreezeError(
            "The record of runs was written by a newer version of MLflow; update Unfreeze to open it."
        )
    return found


@functools.cache
def _forms() -> list[str]:
    """The forms that this MLflow knows, newest first."""
    scripts = ScriptDirectory.from_config(mlflow_db._get_alembic_config(""))
    return [script.revision for script in scripts.walk_revisions()]


def _renew(file: Path) -> None:
    """Give our store its newest form, all at once, and keep what it was.

    MLflow's changes are many steps, and one that is killed between two of them opens never again. So
    they happen in memory, and SQLite puts the outcome in place of the old content in one transaction.
    """
    kept = None
    try:
        with closing(sqlite3.connect(file)) as store:
            seen = _changes(store)
            with closing(_renewed(store)) as new:
                if store.execute("SELECT 1 FROM sqlite_master").fetchone():
                    kept = _keep(store, file)
                if _changes(store) != seen:
                    raise UnfreezeError(
                        "Another program writes to the record of runs, which has to be brought up to "
                        "date first; end that program and start again."
                    )
                new.backup(store, progress=_unless_locked)
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        if kept:
            kept.unlink()
        room = 2 * max(file.stat().st_size, 1_000_000) / 1e6
        raise UnfreezeError(
            f"The record of runs cannot be opened: it has to be renewed ({_reason(error)}) and stays as it "
            f"was; see that the disk of {file.parent} has {room:,.0f} MB free, and start again."
        ) from error
    if kept:
        log.warning("The record of runs was brought up to date; what it was is kept as %s.", kept)


def _renewed(store: sqlite3.Connection) -> sqlite3.Connection:
    """The content of a store in its newest form, in memory."""
    try:
        return _upgraded(store)
    except SQLAlchemyError:
        # An earlier version that was killed while it made the store left it half made, without a run.
        with closing(sqlite3.connect(":memory:")) as empty:
            if _holds_runs(store):
                raise
            return _upgraded(empty)


def _upgraded(store: sqlite3.Connection) -> sqlite3.Connection:
    new = sqlite3.connect(":memory:")
    store.backup(new, progress=_unless_locked)
    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: new, poolclass=StaticPool)
    try:
        mlflow_db._initialize_tables(engine)
    except BaseException:
        new.close()
        raise
    return new


def _keep(store: sqlite3.Connection, file: Path) -> Path:
    """Copy a store beside itself, for its owner's eyes only."""
    kept = file.with_name(f"{file.name}.before-{_forms()[0]}-{datetime.now():%Y%m%d-%H%M%S}")
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)  # of a process that was killed here
    part.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(part)) as copy:
            store.backup(copy, progress=_unless_locked)
        return part.rename(kept)
    finally:
        part.unlink(missing_ok=True)


def _unless_locked(status: int, remaining: int, total: int) -> None:
    """Give up where the wait that SQLite has for a lock by itself did not suffice."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("another program holds it")


def _changes(store: sqlite3.Connection) -> int:
    """Another number whenever another program has written."""
    return store.execute("PRAGMA data_version").fetchone()[0]


def _holds_runs(store: sqlite3.Connection) -> bool:
    made = store.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone()
    return made is not None and store.execute("SELECT 1 FROM runs").fetchone() is not None


def _reason(error: Exception) -> str:
    """What SQLite says went wrong, without the statement that it was in."""
    return str(getattr(error, "orig", None) or error)
