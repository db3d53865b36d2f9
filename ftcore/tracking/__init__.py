"""The record of runs, stored by MLflow, which no other package imports.

A run's config, facts and status are tags, its curves are metrics by step, its checkpoint is an artifact.
Pages read all that they show of a run from here, so every process shows the same.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for JSON lines

from ftcore.tracking.reader import find_runs, history, last_failure, run, runs, watched
from ftcore.tracking.recorder import (
    Recorder,
    close_interrupted,
    create_run,
    delete,
    disk_use,
    enqueue,
    finish,
    rename,
    waiting,
)
from ftcore.tracking.run_record import Run, claim

__all__ = ["Recorder", "Run", "claim", "close_interrupted", "create_run", "delete", "disk_use"]
__all__ += ["enqueue", "find_runs", "finish", "history", "last_failure", "rename", "run", "runs"]
__all__ += ["waiting", "watched"]
