"""Everything that changes while a run trains."""

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ftcore.events import Evaluation, Point
from ftcore.models.classifier import Classifier
from ftcore.training import optimization, preparation, strategies
from ftcore.training.preparation import TrainingSetup


@dataclass
class TrainingState:
    """Weights, optimizer, random states and position of a run; `snapshots` saves and restores it."""

    model: Classifier
    optimizer: Optimizer
    schedule: LambdaLR
    shuffle: torch.Generator
    """Draws the order of the texts in each epoch."""
    epoch_start: Tensor
    """State of `shuffle` before it drew the order of the current epoch."""
    sums: Tensor
    """Loss, correct answers and texts since the last report, fp32 [3], on the device."""
    notes: list[str]
    environments: list[dict[str, str]]
    """See `preparation.environment`; a second one if the run was resumed elsewhere, and so on."""
    began: float
    """`perf_counter` at the start; of a resumed run, as if it had never been interrupted."""
    epoch: int = 0
    batch: int = 0
    """Finished batches of the current epoch."""
    step: int = 0
    examples: int = 0
    train_seconds: float = 0.0
    parts: int = 1
    """Parts that a batch is split into, because the whole does not fit into memory."""
    kept_layers: int | None = None
    """Frozen layers whose activations are kept; None until memory has decided it."""
    last_evaluated: int = -1
    """The step of the last evaluation."""
    points: list[Point] = field(default_factory=list)
    """The curves so far, for a resumed run whose record lacks some."""
    best: Evaluation | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """What computing the features took, for a mode that trains or fits the head on them."""
    last_snapshot: float = field(default_factory=time.monotonic)
    snapshot_seconds: float = 0.0
    """What the last snapshot took."""

    @classmethod
    def begin(cls, setup: TrainingSetup, began: float | None = None) -> "TrainingState":
        """The state before the first step. Seeds torch's random numbers."""
        config = setup.config
        torch.manual_seed(config.seed)
        shuffle = torch.Generator().manual_seed(config.seed)
        model = strategies.model_to_train(config, setup.model)
        optimizer = optimization.make_optimizer(config, model)
        return cls(
            model,
            optimizer,
            optimization.make_schedule(config, optimizer, setup.steps),
            shuffle,
            epoch_start=shuffle.get_state(),
            sums=torch.zeros(3, device=setup.device),
            notes=list(setup.notes),
            environments=[preparation.environment(setup)],
            began=time.perf_counter() if began is None else began,
        )

    @property
    def trained_weights(self) -> list[Tensor]:
        """All weights that ever train."""
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]
