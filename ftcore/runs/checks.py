"""Checks of a run's settings before it is queued or executed."""

import json
from collections.abc import Mapping
from typing import Any

from ftcore import class_weights, validation
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError, UsageError
from ftcore.models import checkpoints
from ftcore.modes import REFERENCES
from ftcore.runs import workers
from ftcore.training import strategies

MAX_CONFIG_CHARACTERS = 8_000  # a tracking server limits the length of a tag


def check_config(config: FineTuneConfig) -> None:
    """Refuse settings with which a run cannot succeed, so that nothing is recorded.

    Raises UnfreezeError if a dataset, checkpoint, path, layer group, device or CPU core does not exist.
    """
    if len(json.dumps(config.to_dict())) > MAX_CONFIG_CHARACTERS:
        raise UsageError(
            "Watched sentences, name, class weights and paths are too long: shorten them."
        )
    data = datasets.find_spec(config.dataset)
    datasets.check_trainable(config.dataset)
    if data.multi_label and config.class_weights:
        raise UsageError(
            f"A text of {data.title} may have several labels, which have no weights: omit the class "
            "weights (--class-weights)."
        )
    class_weights.check_labels(config.class_weights, data.labels)
    if config.checkpoint != NEW_MODEL and (config.checkpoint or config.mode not in REFERENCES):
        parent = checkpoints.find(config.checkpoint)
        if config.mode not in REFERENCES:
            strategies.trained_groups(config, parent.model)  # raises if it lacks one of them
        lengths = {
            "longest text (--max-length)": config.max_length,
            "longest text by epoch (--epoch-lengths)": max(
                truncation.length for truncation in config.training_truncations
            ),
            "longest text in answers (--read-length)": config.read_length,
        }
        for setting, length in lengths.items():
            if length > parent.model.max_length:
                raise UsageError(
                    f"{parent.title} reads at most {parent.model.max_length:,} tokens: choose a "
                    f"smaller {setting}."
                )
    if config.source:
        datasets.check_source(config.dataset, config.source)
    if config.vectors and validation.existing_path(config.vectors).is_dir():
        raise UnfreezeError(
            f"{validation.printable(config.vectors)} is a folder: give a file in it."
        )
    if config.source_task_data:
        task = source_task(config)
        datasets.check_source(task, config.source_task_data) if task else None
    if config.threads and workers.kind() == "local":
        from ftcore import devices  # imports torch

        devices.check_threads(config.threads)
    if config.devices > 1:
        _check_devices(config)
    elif config.device not in ("auto", "cpu") and workers.kind() == "local":
        from ftcore import devices  # imports torch

        devices.pick(config.device)


def _check_devices(config: FineTuneConfig) -> None:
    """Raise UsageError if a run cannot be computed by so many devices."""
    from ftcore import devices  # imports torch

    if config.minutes:
        raise UsageError(
            "A budget of minutes is measured in one process: give the epochs or steps (--epochs, --steps) "
            "of a run on several devices."
        )
    if config.devices > config.batch_size:
        raise UsageError(
            f"A batch of {config.batch_size} texts has no text for each of {config.devices} devices: "
            "choose a larger batch, or fewer devices (--devices)."
        )
    if workers.kind() == "local":  # otherwise the run waits for a node that has them
        devices.check_count(config.device, config.devices)


def data_fault(config: FineTuneConfig, facts: Mapping[str, Any]) -> str:
    """Return a sentence if the data of a run that has begun is gone or changed, as far as that is known."""
    spec = datasets.find(config.dataset)
    name = validation.printable(config.dataset)
    if spec is None:
        return f"The data of this run, {name}, is gone: add it again under this name."
    if spec.stored and facts.get("dataset_fingerprint", spec.fingerprint) != spec.fingerprint:
        return f"The data called {name} is not what this run began with: it was replaced."
    return ""


def check_resumable(config: FineTuneConfig, facts: Mapping[str, Any]) -> None:
    """Refuse to resume a run that cannot succeed. Raises UnfreezeError, see `check_config`."""
    if fault := data_fault(config, facts):
        raise UnfreezeError(fault)
    check_config(config)


def refuse_unused_paths(*configs: FineTuneConfig) -> None:
    """Raise UsageError if a path is given that none of these runs reads, as if it had been read."""
    for spec in (datasets.find(config.dataset) for config in configs if config.source):
        if spec and not spec.takes_source:
            raise UsageError(
                f"The dataset {spec.title} takes no source, as it is stored here or built in: choose the "
                "dataset imdb or ag_news, or omit the source (--source)."
            )
    new = any(config.checkpoint == NEW_MODEL for config in configs)
    if not new and any(config.vectors for config in configs):
        raise UsageError(
            "Word vectors are for a new model, as a checkpoint has its own: omit them (--vectors), or "
            "pretrain."
        )
    with_data = [config for config in configs if config.source_task_data]
    if with_data and not any(map(source_task, with_data)):
        raise UsageError(
            "Forgetting is not measured here, for want of a pretrained body that learned another "
            "task: omit the data of the checkpoint's own task (--source-task-data)."
        )


def source_task(config: FineTuneConfig) -> str:
    """Return the dataset of the task that a run may forget; "" if there is none to measure."""
    if config.mode in (*REFERENCES, "scratch") or config.checkpoint == NEW_MODEL:
        return ""
    parent = checkpoints.find(config.checkpoint)
    if datasets.without_version(parent.dataset) == datasets.without_version(config.dataset):
        return ""
    task = datasets.find(parent.dataset)
    return task.name if task and parent.answers(task) else ""
