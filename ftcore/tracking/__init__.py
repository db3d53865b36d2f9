"""The record of runs, stored by MLflow, which no other package imports.

A run's config, facts and status are tags, its curves are metrics by step, its checkpoint is an artifact.
Pages read all that they show of a run from here, so every process shows the same.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for JSON lines

from ftcore.tracking.curves import history as history, watched as watched
from ftcore.tracking.locks import claim as claim
from ftcore.tracking.maintenance import (
    close_interrupted as close_interrupted,
    delete as delete,
    disk_use as disk_use,
    enqueue as enqueue,
    rename as rename,
    waiting as waiting,
)
from ftcore.tracking.reader import (
    find_runs as find_runs,
    last_failure as last_failure,
    run as run,
    runs as runs,
)
from ftcore.tracking.recorder import (
    Recorder as Recorder,
    create_run as create_run,
    finish as finish,
)
from ftcore.tracking.run_record import Run as Run
