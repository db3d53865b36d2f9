"""The record of runs, kept by MLflow. Only this package knows of it.

A run's config, facts and state are tags, its curves are metrics by step, its checkpoint lies among its
artifacts. Everything that a page shows of a run is read back from here, so any process sees the same.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for JSON lines

from ftcore.tracking.locks import claim
from ftcore.tracking.maintenance import (
    close_interrupted,
    delete,
    disk_use,
    enqueue,
    rename,
    waiting,
)
from ftcore.tracking.reader import Run, history, last_failure, run, runs, several, watched
from ftcore.tracking.recorder import Recorder, create_run, finish

__all__ = [
    "Recorder",
    "Run",
    "claim",
    "close_interrupted",
    "create_run",
    "delete",
    "disk_use",
    "enqueue",
    "finish",
    "history",
    "last_failure",
    "rename",
    "run",
    "runs",
    "several",
    "waiting",
    "watched",
]
