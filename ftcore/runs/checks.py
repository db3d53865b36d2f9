"""Checks of a run's settings before it is queued or executed."""

import json

from ftcore import validation
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints

MAX_CONFIG_CHARACTERS = 8_000  # a tracking server limits the length of a tag


def check_config(config: FineTuneConfig) -> None:
    """Refuse settings with which a run cannot succeed, so that nothing is recorded.

    Raises UnfreezeError if a dataset, checkpoint or path does not exist, or the settings are too long.
    """
    if len(json.dumps(config.to_dict())) > MAX_CONFIG_CHARACTERS:
        raise UnfreezeError("Watched sentences, name and paths are too long: shorten them.")
    datasets.find_spec(config.dataset)
    if config.checkpoint != NEW_MODEL and (config.checkpoint or config.mode not in REFERENCES):
        checkpoints.find(config.checkpoint)
    for path in (config.source, config.vectors, config.source_task_data):
        if path:
            validation.existing_path(path)
