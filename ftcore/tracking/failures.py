"""Why the record of runs cannot be used, in a sentence with the way out."""

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy.exc import SQLAlchemyError
from urllib3.exceptions import ResponseError

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking.address import is_home_database, is_server, tracking_uri
from ftcore.validation import printable

TRY_SECONDS = 4  # until a tracking server that does not answer counts as gone
TRUST_SECONDS = 3.0  # how long the answer, or its absence, holds for all callers
# What a store answers about a run that was deleted, or never existed.
_ANSWERS = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE")
_try_lock = threading.Lock()
_tries: dict[str, tuple[float, str]] = {}  # when each server was tried, and why that failed


class RecordUnavailable(UnfreezeError):
    """The record cannot be used now, but may be later: a server is gone, a file locked, a disk full."""


class NotInRecord(UnfreezeError):
    """The record was asked about a run that it does not have."""


@contextmanager
def using_record() -> Iterator[None]:
    """Raise RecordUnavailable if the record cannot be used, NotInRecord if it does not have the run."""
    uri = tracking_uri()
    if is_server(uri):
        try_server(uri)
    try:
        yield
    except MlflowException as error:
        if error.error_code in _ANSWERS:
            raise NotInRecord(f"The record of runs refuses this: {_reason(error)}.") from error
        raise unavailable(error) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise unavailable(error) from error


def try_server(uri: str) -> None:
    """Raise RecordUnavailable within seconds if a tracking server does not answer.

    MLflow's requests wait longer and are repeated, so a page with several would hang for a minute.
    """
    with _try_lock:
        tried_at, failure = _tries.get(uri, (0.0, ""))
        if not tried_at or time.monotonic() - tried_at > TRUST_SECONDS:
            failure = _failure(uri)
            _tries[uri] = time.monotonic(), failure
    if failure:
        raise RecordUnavailable(failure)


def _failure(uri: str) -> str:
    """Why a server does not answer; empty if it answers anything."""
    try:
        http_request(
            get_default_host_creds(uri), "/health", "GET", max_retries=0, timeout=TRY_SECONDS
        )
    except Exception as error:  # such as a wrong certificate
        return str(unavailable(error))
    return ""


def unavailable(error: Exception) -> RecordUnavailable:
    """The error for users, with the reason of the system, or the first sentence of MLflow's."""
    reason = _reason(error)
    uri = tracking_uri()
    if is_server(uri):
        address = urlsplit(uri)
        server = printable(f"{address.scheme}://{address.netloc.rpartition('@')[2]}")
        return RecordUnavailable(
            f"The tracking server {server} cannot be used ({reason}): start it, or correct "
            "MLFLOW_TRACKING_URI."
        )
    if "locked" in reason:
        return RecordUnavailable(
            "The record of runs is locked by another program: end that program, or wait for it."
        )
    if re.search("full|disk I/O|space|too large|quota", reason):
        return RecordUnavailable(
            f"The record of runs cannot be written ({reason}): free some space, or check the disk."
        )
    place = paths.home() if is_home_database() else "MLFLOW_TRACKING_URI"
    return RecordUnavailable(f"The record of runs cannot be used ({reason}); check {place}.")


def _reason(error: BaseException) -> str:
    """The reason of the system that an error wraps, or the error's own first sentence."""
    reason = ""
    for cause in _causes(error, set()):
        if isinstance(cause, requests.Timeout | TimeoutError):
            reason = "no answer in time"
        elif isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror
        elif isinstance(cause, sqlite3.Error | ConnectionError | ResponseError):
            reason = str(cause)
    first = re.split(r"(?<=\w)[.:]?\s*[\n]|[.](?=\s|$)", str(error).strip(), maxsplit=1)[0]
    return printable((reason or first or type(error).__name__)[:300])


def _causes(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """The error and all that it wraps, the outermost first; requests and urllib3 wrap in arguments."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for inner in (*error.args, getattr(error, "reason", None), cause):
        if isinstance(inner, BaseException):
            yield from _causes(inner, seen)
