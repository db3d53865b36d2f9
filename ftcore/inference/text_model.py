"""A model behind one form, whatever computes it: what turns texts into answers without a page or a file."""

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from ftcore import answers, devices
from ftcore.inference import prediction
from ftcore.models import calibration
from ftcore.models.calibration import Calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.text.batches import Tokens
from ftcore.text.lengths import TextLengths
from ftcore.text.tokenizer import Tokenizer
from ftcore.text.truncation import Truncation
from ftcore.training import objective


class Network(Protocol):
    """Gives the scores of texts."""

    def scores_of(self, tokens: Tokens, rows: np.ndarray, truncation: Truncation) -> np.ndarray:
        """Return scores fp32 [rows, classes] of some texts, computed as one batch."""


@dataclass(frozen=True)
class TextModel:
    """A network, and what turns its scores into answers."""

    title: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    """Of each label where a text may have several; else none."""
    calibration: Calibration | None
    tokenizer: Tokenizer
    truncation: Truncation
    training_lengths: TextLengths | None
    """Of the texts that it was trained on; None if they are not recorded."""
    network: Network


@dataclass(frozen=True)
class Answers:
    """The answers to some texts."""

    labels: list[list[str]]
    """One of each text; where a text may have several, all above their threshold."""
    names: list[str]
    """The same in words."""
    probabilities: np.ndarray
    """fp64 [texts, classes], calibrated if the model is."""


def answers_of(model: TextModel, scores: np.ndarray) -> Answers:
    """Return the answers by fp32 scores [texts, classes], as Predict gives them."""
    values = torch.from_numpy(scores)
    temperature = model.calibration.temperature if model.calibration else 1.0
    several = bool(model.thresholds)
    shares = objective.probabilities(values.double() / temperature, several)
    given = objective.answers(values, model.thresholds)
    return Answers(
        [[model.labels[label] for label in each] for each in answers.listed(given)],
        answers.names(given, model.labels),
        shares.numpy(),
    )


def of_checkpoint(checkpoint: Checkpoint) -> TextModel:
    """Return the model of a checkpoint that can classify. Raises UnfreezeError if it cannot be read."""
    network, tokenizer = prediction.load(checkpoint)
    return TextModel(
        checkpoint.title,
        checkpoint.labels,
        checkpoint.thresholds,
        calibration.read(checkpoint),
        tokenizer,
        checkpoint.truncation,
        TextLengths.read(checkpoint.origin.get("text_lengths")),
        _TorchNetwork(network),
    )


class _TorchNetwork:
    """A checkpoint's own network, in fp32 on the accelerator or else the CPU."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._device = devices.pick()
        on_cpu = self._device.type == "cpu"
        self._network = network if on_cpu else copy.deepcopy(network).to(self._device)

    def scores_of(self, tokens: Tokens, rows: np.ndarray, truncation: Truncation) -> np.ndarray:
        inputs = tokens.batch(torch.as_tensor(rows), truncation)
        with torch.inference_mode():
            scores = self._network(*(each.to(self._device) for each in inputs))
        return scores.float().cpu().numpy()
