"""Checks of a run's settings before it is queued or executed."""

import json

from ftcore import validation
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints

MAX_CONFIG_CHARACTERS = 8_000  # a tracking server limits the length of a tag


def check_config(config: FineTuneConfig) -> None:
    """Raise UnfreezeError if a file or checkpoint is missing, or the settings are too long to record."""
    if len(json.dumps(config.to_dict())) > MAX_CONFIG_CHARACTERS:
        raise UnfreezeError(
            "Watched sentences, name and paths are too long to be recorded: shorten them."
        )
    if config.checkpoint != NEW_MODEL and (config.checkpoint or config.mode not in REFERENCES):
        checkpoints.find(config.checkpoint)
    for path in (config.source, config.vectors, config.source_task_data):
        if path:
            validation.existing_path(path)
