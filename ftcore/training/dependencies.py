"""What a run's result depends on: compared when it is resumed, as half a curve of each would be wrong."""

from collections.abc import Mapping
from typing import Any

from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.errors import ChangedDependency
from ftcore.settings import label

FINGERPRINTS = {  # fact of a run → what it identifies
    "dataset_fingerprint": "data is",
    "split_fingerprint": "data is",
    "parent_fingerprint": "checkpoint it starts from is",
    "vectors_fingerprint": "word vectors are",
    "vocabulary_fingerprint": "vocabulary is",
    "tokenizer": "tokenizer is",
}
# Where files lie, which may be moved, and what changes no weight. A resumed run may use another device.
_FREE_SETTINGS = ("name", "source", "vectors", "source_task_data", "watch", "priority")
_FREE_DEVICES = ("device", "devices", "threads", "gpu_share")


def of_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a run depends on, by the names of FINGERPRINTS."""
    return {name: str(facts[name]) for name in FINGERPRINTS if name in facts}


def check_facts(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Compare the facts of a run when it began and now, as far as both are known.

    Raises ChangedDependency.
    """
    earlier, current = of_facts(before), of_facts(now)
    for name, what in FINGERPRINTS.items():
        if name in earlier and earlier[name] != current.get(name, earlier[name]):
            raise _changed(what)


def check_settings(before: Mapping[str, Any], config: FineTuneConfig) -> None:
    """Compare the settings that a run began with and those in its record. Raises ChangedDependency."""
    now = config.to_dict()
    for name, value in before.items():
        if name not in (*_FREE_SETTINGS, *_FREE_DEVICES) and now.get(name, value) != value:
            raise _changed(f"setting {label(SETTINGS[name])} is")


def _changed(what: str) -> ChangedDependency:
    return ChangedDependency(
        f"The {what} not what this run began with; put back what was there, or run it again."
    )
