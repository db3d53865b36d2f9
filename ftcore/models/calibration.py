"""The calibration of a checkpoint, kept in its folder: calibration.json.

It names the weights that it was fitted for. Of others, as after a resumed training, it does not count.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ftcore import validation
from ftcore.errors import UnfreezeError, user_message
from ftcore.formatting import few_names, short_percent
from ftcore.models import checkpoints
from ftcore.models.checkpoints import CALIBRATION, Checkpoint
from ftcore.storage import files

TARGET = 0.95  # unless another one is chosen
FORMAT = 2  # format 1 had no figures


@dataclass(frozen=True)
class Calibration:
    """What turns scores into probabilities that can be trusted, and those into sets of labels."""

    temperature: float
    """Divides the scores before the softmax."""
    target: float
    """Share of the texts of each class whose label is to be in the set."""
    thresholds: dict[str, float]
    """Label → its least probability in the set; 0 for a class that had too few texts: always in it."""
    validation_texts: int
    figures: dict[str, Any] = field(default_factory=dict)
    """What the test texts say of it, JSON values (see `inference.calibration_measures`); none in format 1."""

    @property
    def in_every_set(self) -> list[str]:
        """The labels that had too few validation texts for a promise."""
        return [label for label, threshold in self.thresholds.items() if not threshold]

    def label_set(self, probabilities: Mapping[str, float]) -> list[str]:
        """The labels at the target; `probabilities` are those at the temperature."""
        return [
            label
            for label, probability in probabilities.items()
            if probability >= self.thresholds[label]
        ]

    def promise(self, labels: Sequence[str]) -> str:
        """A set of labels in words: World or Business, at 95%."""
        names = few_names(labels, word="or") if labels else "No label"
        return f"{names}, at {short_percent(self.target)}"


def write(checkpoint: Checkpoint, calibration: Calibration) -> None:
    """Keep a calibration beside the weights of a checkpoint. Raises UnfreezeError."""
    values = {"format": FORMAT, "weights": _weights(checkpoint), **asdict(calibration)}
    values["checksum"] = checkpoints.checksum(values)
    try:
        files.write(checkpoint.path / CALIBRATION, json.dumps(values, indent=1).encode())
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error


def read(checkpoint: Checkpoint) -> Calibration | None:
    """Return the calibration of a checkpoint; None if it has none, or one for other weights.

    Raises UnfreezeError if it is damaged.
    """
    try:
        values = validation.read_json(checkpoint.path / CALIBRATION)
        if values.pop("checksum") != checkpoints.checksum(values):
            raise ValueError("changed")
        version, weights = values.pop("format"), values.pop("weights")
        if version > FORMAT:
            raise ValueError("newer")
        if weights != _weights(checkpoint):
            return None
        calibration = Calibration(**values)
        _check(calibration, checkpoint)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        fault = f"its {CALIBRATION} cannot be read; calibrate it again, or remove that file"
        raise checkpoints.checkpoint_error(checkpoint, fault) from None
    return calibration


def _weights(checkpoint: Checkpoint) -> list[Any]:
    """What the scores depend on: weights, and how much of a text is read."""
    fingerprints = [checkpoint.weights_fingerprint, checkpoint.vectors_fingerprint]
    return [*fingerprints, checkpoint.max_length, checkpoint.tail]


def _check(calibration: Calibration, checkpoint: Checkpoint) -> None:
    """Raise TypeError or ValueError for values that no calibration of the checkpoint has."""
    validation.check_field_types(calibration)
    if not (
        math.isfinite(calibration.temperature)
        and calibration.temperature > 0
        and 0 < calibration.target < 1
        and calibration.thresholds.keys() == set(checkpoint.labels)
        and all(0 <= threshold <= 1 for threshold in calibration.thresholds.values())
    ):
        raise ValueError(CALIBRATION)
