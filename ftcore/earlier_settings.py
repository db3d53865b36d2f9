"""Settings as earlier versions named and recorded them."""

from collections.abc import Mapping
from typing import Any

# Options and JSON keys of these names are still accepted.
EARLIER_NAMES = {"own_data": "source_task_data", "tail": "tail_fraction", "clip": "max_grad_norm"}

SELF_TRAINED = (
    "This run of an earlier version used self-training, which was removed, so it cannot be resumed: "
    "keep its best model, or start a new run."
)

# Settings of which 0 stood for the mode's default.
_ZERO_IS_UNSET = ("epochs", "learning_rate", "layer_decay", "batch_size")

# Earlier versions had no encoders, and kept the most accurate model.
_NOT_RECORDED = {"pooling": "", "best_by": "accuracy"}


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with earlier names of settings replaced; a current name takes precedence."""
    renamed = {new: values[old] for old, new in EARLIER_NAMES.items() if old in values}
    return renamed | {name: value for name, value in values.items() if name not in EARLIER_NAMES}


def of_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a stored record by their current names, without those left to the mode."""
    values = _NOT_RECORDED | current_names(values)
    return {
        name: value for name, value in values.items() if not (name in _ZERO_IS_UNSET and value == 0)
    }
