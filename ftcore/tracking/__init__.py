"""The record of runs, stored by MLflow, which no other package imports.

A run's config, facts and status are tags, its curves are metrics by step, its checkpoint is an artifact.
Pages read all that they show of a run from here, so every process shows the same.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for JSON lines
# MLflow waits minutes for a tracking server that is gone: eight attempts of two minutes each.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # seconds
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# MLflow puts the uv project of the working directory into each model that it saves.
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
os.environ.setdefault("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "false")

from ftcore.tracking.claims import Claim, claim, request_end
from ftcore.tracking.deletion import (
    Dependents,
    checkpoint_dependents,
    dataset_dependents,
    delete,
    delete_checkpoint,
    delete_dataset,
    edit_dataset,
    rename_dataset,
    run_dependents,
)
from ftcore.tracking.disk_use import disk_use
from ftcore.tracking.failures import RecordUnavailable
from ftcore.tracking.imported_runs import import_run, imported_from, remove_unfinished_imports
from ftcore.tracking.leases import ClaimLost
from ftcore.tracking.logged_models import log_model, logged_models
from ftcore.tracking.queued_runs import enqueue, executed, is_ours, lost, next_place, say, waiting
from ftcore.tracking.reader import find_runs, history, last_failure, run, runs, watched
from ftcore.tracking.recorder import (
    Recorder,
    close_interrupted,
    create_run,
    finish,
    rename,
)
from ftcore.tracking.run_record import Run
from ftcore.tracking.supervision import Supervision, sign_of_life, sign_off, supervision
from ftcore.tracking.table_points import points

__all__ = ["Claim", "ClaimLost", "Dependents", "RecordUnavailable", "Recorder", "Run"]
__all__ += ["Supervision", "checkpoint_dependents", "claim", "lost", "request_end", "say"]
__all__ += ["sign_of_life", "sign_off", "supervision"]
__all__ += ["close_interrupted", "create_run", "delete", "delete_checkpoint", "disk_use", "enqueue"]
__all__ += ["executed", "find_runs", "finish", "history", "is_ours", "last_failure"]
__all__ += ["dataset_dependents", "delete_dataset", "edit_dataset", "rename_dataset"]
__all__ += ["import_run", "imported_from", "log_model", "logged_models"]
__all__ += ["remove_unfinished_imports"]
__all__ += ["next_place", "points", "rename", "run", "run_dependents", "runs", "waiting", "watched"]
