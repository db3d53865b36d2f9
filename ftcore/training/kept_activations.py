"""Activations below the lowest layer that ever trains: computed once, so that every epoch starts there.

Where the frozen layers drop nothing out, they give the same at every step.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ftcore import devices, memory
from ftcore.config import FineTuneConfig
from ftcore.events import Noted, Progress, Task
from ftcore.formatting import size
from ftcore.models.classifier import Classifier
from ftcore.models.spec import ModelSpec
from ftcore.text import batches
from ftcore.text.truncation import Truncation
from ftcore.training import strategies
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier
from ftcore.training.state import TrainingState

Classifiers = dict[Truncation, RowClassifier]


class LowerLayers(nn.Module):
    """ids [batch, length], lengths [batch] → what a layer reads of the tokens, packed: [tokens, dim]."""

    def __init__(self, model: Classifier, layer: int) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        states = self.model.states(ids, lengths, self.layer)
        return states[torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]]


class UpperLayers(nn.Module):
    """What a layer reads, [batch, length, dim], lengths [batch] → scores [batch, classes]."""

    def __init__(self, model: Classifier, layer: int) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        return self.model.classifier(self.model.features_from(states, lengths, self.layer))


@dataclass(frozen=True)
class Activations:
    """Packed states of tokens: those of text i begin at `states[starts[i]]`."""

    states: Tensor
    """[tokens, dim], on the device."""
    starts: Tensor
    """int64 [texts], on the device; -1 for a text that is not kept."""
    lengths: Tensor
    """int64 [texts], on the device."""
    max_length: int

    def batch(self, rows: Tensor, longest: int | None) -> tuple[Tensor, Tensor]:
        """Return the states of texts, padded: fp32 [rows, columns, dim], and lengths [rows]."""
        lengths = self.lengths[rows]
        longest = int(lengths.max()) if longest is None else longest
        count = batches.padded_length(longest, self.max_length)
        columns = torch.arange(count, device=rows.device)
        # Padding takes the states of a token, which no other token attends to.
        positions = self.starts[rows, None] + columns.clamp(max=lengths[:, None] - 1)
        return self.states[positions].float(), lengths


def kept_layers(config: FineTuneConfig, shape: ModelSpec) -> int:
    """Number of frozen layers whose activations are the same at every step, and worth to be kept."""
    random_input = config.dropout or (config.word_dropout and not config.encoder)
    # A head alone has its own cache; several processes would each keep the activations of all texts.
    if random_input or strategies.head_alone(config, shape) or config.devices > 1:
        return 0
    return strategies.frozen_layers(config, shape)


def start_above(
    setup: TrainingSetup, state: TrainingState, whole: Classifiers
) -> Task[Classifiers]:
    """Classifiers of the same texts that start at the lowest trained layer, if memory allows it.

    A resumed run does as it did before, because the last digits of the activations depend on it.
    """
    layers = kept_layers(setup.config, state.model.spec)
    if not layers or not state.model.can_start_at(layers) or state.kept_layers == 0:
        return whole
    read = _rows(setup)
    needed, free = needed_bytes(setup, whole), devices.free_memory(setup.device)
    limit = free if state.kept_layers else memory.activations_limit(free)
    what = f"The activations of {layers} frozen layer{'s' * (layers > 1)}"
    if needed > limit:
        note = f"{what} would take {size(needed)} of {size(limit)}, so every step computes them."
        if state.kept_layers:
            note += " Figures may differ in the last digits from those before."
        yield from _note(state, note)
        state.kept_layers = 0
        return whole
    yield from _note(state, f"{what} are kept: {size(needed)}.")
    state.kept_layers = layers
    above = {}
    for truncation, classifier in whole.items():
        activations = yield from _compute(setup, state, classifier, read[truncation], truncation)
        upper = UpperLayers(state.model, layers)
        above[truncation] = replace(classifier, network=upper, inputs=activations.batch)
    return above


def needed_bytes(setup: TrainingSetup, whole: Classifiers) -> int:
    """Memory that the activations of a run take."""
    tokens = sum(int(whole[each].lengths[rows].sum()) for each, rows in _rows(setup).items())
    return tokens * setup.model.spec.dim * _number(setup).itemsize


def _rows(setup: TrainingSetup) -> dict[Truncation, Tensor]:
    """The texts that a run reads, by the ways in which it does."""
    rows = {truncation: [setup.train_rows] for truncation in setup.config.training_truncations}
    rows.setdefault(setup.config.reading, []).append(setup.val_rows)
    return {truncation: torch.cat(parts) for truncation, parts in rows.items()}


def _compute(
    setup: TrainingSetup,
    state: TrainingState,
    whole: RowClassifier,
    rows: Tensor,
    truncation: Truncation,
) -> Task[Activations]:
    """The activations of some rows below the kept layers of `state`."""
    assert state.kept_layers
    lower = replace(whole, network=LowerLayers(state.model, state.kept_layers))
    tokens = int(whole.lengths[rows].sum())
    kept = torch.empty(tokens, state.model.spec.dim, dtype=_number(setup), device=setup.device)
    starts = torch.full((len(setup.train),), -1, device=setup.device)
    filled = 0
    for batch, outputs in lower.outputs(rows):
        lengths = whole.lengths[batch]
        starts[batch.to(setup.device)] = (filled + lengths.cumsum(0) - lengths).to(setup.device)
        for states in outputs:
            kept[filled : filled + len(states)] = states
            filled += len(states)
        yield Progress("activations", filled, tokens, "tokens")
    return Activations(kept, starts, whole.lengths.to(setup.device), truncation.length)


def _number(setup: TrainingSetup) -> torch.dtype:
    """The number format of kept activations: that of the products which read them."""
    return torch.bfloat16 if setup.precision == "bf16" else torch.float32


def _note(state: TrainingState, note: str) -> Task[None]:
    if note not in state.notes:  # of a run before it was resumed
        state.notes.append(note)
        yield Noted(note)
