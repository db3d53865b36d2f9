"""The address of the store: `MLFLOW_TRACKING_URI`, or the SQLite database in our home."""

import os

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ftcore import paths

_LIMITS = {  # of libpq: seconds, but for the last, which is in milliseconds
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}


def tracking_uri() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or _database_uri()


def is_server(uri: str) -> bool:
    """Whether artifacts are uploaded; those of runs in a database stay in our home."""
    return uri.startswith(("http://", "https://"))


def is_database() -> bool:
    """Whether the store is a database that this process reads itself, and not MLflow's client."""
    return tracking_uri().partition(":")[0].partition("+")[0] in ("sqlite", "postgresql")


def is_home_database() -> bool:
    """Whether the store is the database in our home, in whatever spelling."""
    try:
        url = make_url(tracking_uri())
    except ArgumentError:  # not an address of a database
        return False
    return url.get_backend_name() == "sqlite" and url.database == str(paths.database_path())


def with_limits(uri: str) -> str:
    """The address to connect to: without limits, libpq waits for hours where a network is cut."""
    if not uri.startswith("postgresql"):
        return uri
    url = make_url(uri)
    limits = {name: value for name, value in _LIMITS.items() if name not in url.query}
    return url.update_query_dict(limits).render_as_string(hide_password=False)


def _database_uri() -> str:
    """The address of the database in our home, whose name may hold any character.

    With its driver: from `sqlite:///`, MLflow creates the folder as it is spelled, `a%3Fb` beside `a?b`.
    """
    url = URL.create("sqlite+pysqlite", database=str(paths.database_path()))
    return url.render_as_string(hide_password=False)
