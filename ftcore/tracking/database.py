"""Reads MLflow's tables, where the record is a database.

MLflow's own search takes 2 ms of a core for each run, and its curves 50 ms for one; pages and workers read
every second, on the cores that train.
"""

import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from mlflow.store.tracking.dbmodels import models
from sqlalchemy import Connection, Engine, Select, Text, cast, create_engine, func, make_url, select
from sqlalchemy.pool import NullPool

from ftcore.tracking.address import is_home_database, tracking_uri, with_limits
from ftcore.tracking.failures import using_record
from ftcore.tracking.records import Record

LOCK_SECONDS = 20.0  # to wait for another program that locks the file, as long as MLflow does
OURS = "unfreeze.%"  # tags
CLAIMS = "unfreeze.claim.%"  # parameters; see `leases`
# Their columns have no types.
_Run: Any = models.SqlRun
_Tag: Any = models.SqlTag
_Param: Any = models.SqlParam
_Metric: Any = models.SqlMetric
_Latest: Any = models.SqlLatestMetric
_OBJECT = {"sqlite": func.json_group_object, "postgresql": func.json_object_agg}  # by dialect


def records(
    experiment: str, tag: str = "", value: str = "", run_ids: Sequence[str] | None = None
) -> list[Record]:
    """The records of an MLflow experiment: all, or those with this value of a tag, or these ids.

    With tags of ours alone, and the claims among the parameters.
    """
    ids = select(_Run.run_uuid).where(
        _Run.experiment_id == int(experiment), _Run.lifecycle_stage == "active"
    )
    if tag:
        ids = ids.join(_Tag).where(_Tag.key == tag, _Tag.value == value)
    if run_ids is not None:
        # Another text is no id, and some texts cannot be asked for, such as a NUL.
        possible = [run_id for run_id in run_ids if run_id.isascii() and run_id.isalnum()]
        ids = ids.where(_Run.run_uuid.in_(possible))
    runs = select(_Run.run_uuid, _Run.name, _Run.start_time).where(_Run.run_uuid.in_(ids))
    metrics = select(_Latest.run_uuid, _Latest.key, _Latest.value, _Latest.is_nan)
    values: dict[str, dict[str, float]] = defaultdict(dict)
    with _connection() as database:
        # A run that ends records its metrics first, so its tags are read first.
        tags = _texts(database, _Tag, ids, OURS)
        for run_id, key, number, is_nan in database.execute(
            metrics.where(_Latest.run_uuid.in_(ids))
        ):
            values[run_id][key] = math.nan if is_nan else number
        # In the database of our home, claims are file locks.
        params = {} if is_home_database() else _texts(database, _Param, ids, CLAIMS)
        return [
            Record(
                run_id,
                name or run_id,
                began,
                tags.get(run_id, {}),
                values[run_id],
                params.get(run_id, {}),
            )
            for run_id, name, began in database.execute(runs)
        ]


def _texts(
    database: Connection, table: Any, ids: Select[Any], keys: str
) -> dict[str, Mapping[str, str]]:
    """Tags or parameters by run. The database joins those of a run: Python is slow with a row for each."""
    joined = cast(_OBJECT[database.dialect.name](table.key, table.value), Text)
    query = select(table.run_uuid, joined).where(table.run_uuid.in_(ids), table.key.like(keys))
    return {
        run_id: _parsed(text) for run_id, text in database.execute(query.group_by(table.run_uuid))
    }


@functools.lru_cache(maxsize=10_000)
def _parsed(text: str) -> Mapping[str, str]:
    return MappingProxyType(json.loads(text))


def greatest_tag(tag: str) -> str:
    """The greatest value of a tag, as text; empty if no run has it."""
    with _connection() as database:
        return database.scalar(select(func.max(_Tag.value)).where(_Tag.key == tag)) or ""


def last_timestamp(run_id: str) -> int:
    """The timestamp of the last point of a run in milliseconds, 0 if there is none."""
    query = select(func.max(_Metric.timestamp)).where(_Metric.run_uuid == run_id)
    with _connection() as database:
        return database.scalar(query) or 0


def points(run_id: str) -> list[tuple[str, int, float | None]]:
    """All points of a run as (metric, step, value), in the order in which they were recorded."""
    query = select(_Metric.key, _Metric.step, _Metric.value, _Metric.is_nan)
    query = query.where(_Metric.run_uuid == run_id).order_by(_Metric.timestamp)
    with _connection() as database:
        return [
            (name, step, None if is_nan else value)
            for name, step, value, is_nan in database.execute(query)
        ]


@contextmanager
def _connection() -> Iterator[Connection]:
    with using_record(), _engine(tracking_uri()).connect() as connection:
        yield connection


@functools.lru_cache(maxsize=4)
def _engine(uri: str) -> Engine:
    if make_url(uri).get_backend_name() == "sqlite":
        # Without a pool: one that is open would keep a file that was replaced.
        return create_engine(uri, poolclass=NullPool, connect_args={"timeout": LOCK_SECONDS})
    # A server starts a process for each connection. One is kept, and tried first: it may have been restarted.
    return create_engine(with_limits(uri), pool_size=1, pool_pre_ping=True)
