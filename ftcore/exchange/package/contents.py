"""What an import reads of a package: names of files, and their form."""

from ftcore.diagnostics.results import ARRAYS, METADATA
from ftcore.exchange.run_files import HISTORY, WATCHED
from ftcore.models.checkpoints import (
    CALIBRATION,
    CARD,
    CONFIG,
    PIECES,
    VOCABULARY,
    WEIGHTS,
    WORDS,
)

FORMAT = 1
MANIFEST = "unfreeze.json"
"""format; version of Unfreeze; ref, kind and title of the checkpoint."""
CHECKPOINT, RUN = "checkpoint", "run"
RUN_RECORD = f"{RUN}/run.json"
TENSORS = {f"{CHECKPOINT}/{name}" for name in (WEIGHTS, WORDS)}
READ = {
    MANIFEST,
    *TENSORS,
    *(f"{CHECKPOINT}/{name}" for name in (CONFIG, VOCABULARY, PIECES, CALIBRATION, CARD)),
    RUN_RECORD,
    *(f"{RUN}/{name}" for name in (HISTORY, WATCHED, ARRAYS, METADATA)),
}
