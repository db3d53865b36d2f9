"""Reads MLflow's tables, where the record is a database.

MLflow's own search takes 2 ms of a core for each run, and its curves 50 ms for one; pages and workers read
every second, on the cores that train.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mlflow.entities import Metric, Param, Run as MlflowRun, RunData, RunInfo, RunTag
from mlflow.store.tracking.dbmodels import models
from sqlalchemy import Connection, Engine, create_engine, func, make_url, select
from sqlalchemy.pool import NullPool

from ftcore.tracking.address import is_home_database, tracking_uri, with_limits
from ftcore.tracking.failures import using_record

LOCK_SECONDS = 20.0  # to wait for another program that locks the file, as long as MLflow does
OURS = "unfreeze.%"  # tags
CLAIMS = "unfreeze.claim.%"  # parameters; see `leases`
# Their columns have no types.
_Run: Any = models.SqlRun
_Tag: Any = models.SqlTag
_Param: Any = models.SqlParam
_Metric: Any = models.SqlMetric
_Latest: Any = models.SqlLatestMetric


def runs(
    experiment: str, tag: str = "", value: str = "", run_ids: Sequence[str] | None = None
) -> list[MlflowRun]:
    """The runs of an MLflow experiment: all, or those with this value of a tag, or these ids.

    With tags of ours alone, the claims among the parameters, and the last value of each metric.
    """
    ids = select(_Run.run_uuid).where(
        _Run.experiment_id == int(experiment), _Run.lifecycle_stage == "active"
    )
    if tag:
        ids = ids.join(_Tag).where(_Tag.key == tag, _Tag.value == value)
    if run_ids is not None:
        ids = ids.where(_Run.run_uuid.in_(run_ids))
    queries: dict[type, Any] = {
        RunInfo: select(_Run.run_uuid, _Run.name, _Run.status, _Run.start_time).where(
            _Run.run_uuid.in_(ids)
        ),
        Metric: select(_Latest.run_uuid, _Latest.key, _Latest.value, _Latest.is_nan).where(
            _Latest.run_uuid.in_(ids)
        ),
        RunTag: select(_Tag.run_uuid, _Tag.key, _Tag.value).where(
            _Tag.run_uuid.in_(ids), _Tag.key.like(OURS)
        ),
    }
    if not is_home_database():  # else claims are file locks
        queries[Param] = select(_Param.run_uuid, _Param.key, _Param.value).where(
            _Param.run_uuid.in_(ids), _Param.key.like(CLAIMS)
        )
    with _connection() as database:
        rows = {kind: database.execute(query).all() for kind, query in queries.items()}
    metrics, params, tags = defaultdict(list), defaultdict(list), defaultdict(list)
    for run_id, key, number, is_nan in rows[Metric]:
        metrics[run_id].append(Metric(key, math.nan if is_nan else number, 0, 0))
    for run_id, key, text in rows.get(Param, ()):
        params[run_id].append(Param(key, text))
    for run_id, key, text in rows[RunTag]:
        tags[run_id].append(RunTag(key, text))
    return [
        MlflowRun(
            RunInfo(run_id, experiment, "", status, began, None, "active", run_name=name),
            RunData(metrics[run_id], params[run_id], tags[run_id]),
        )
        for run_id, name, status, began in rows[RunInfo]
    ]


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
    is_file = make_url(uri).get_backend_name() == "sqlite"
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if is_file else {}
    # Without a pool: a connection that outlives a restart of the server fails when it is next used.
    return create_engine(with_limits(uri), poolclass=NullPool, **options)
