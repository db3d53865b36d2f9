"""The address of the store: `MLFLOW_TRACKING_URI`, or the SQLite database in our home."""

import os

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ftcore import paths


def tracking_uri() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or _database_uri()


def is_server(uri: str) -> bool:
    """Whether artifacts are uploaded; those of runs in a database stay in our home."""
    return uri.startswith(("http://", "https://"))


def is_home_database() -> bool:
    """Whether the store is the database in our home, in whatever spelling."""
    try:
        url = make_url(tracking_uri())
    except ArgumentError:  # not an address of a database
        return False
    return url.get_backend_name() == "sqlite" and url.database == str(paths.database_path())


def _database_uri() -> str:
    """The address of the database in our home, whose name may hold any character.

    With its driver: from `sqlite:///`, MLflow creates the folder as it is spelled, `a%3Fb` beside `a?b`.
    """
    url = URL.create("sqlite+pysqlite", database=str(paths.database_path()))
    return url.render_as_string(hide_password=False)
