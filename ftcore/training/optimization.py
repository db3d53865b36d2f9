"""Optimizer and learning rate schedule of a run."""

import math

from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ftcore.config import FineTuneConfig
from ftcore.models.classifier import Classifier
from ftcore.training import strategies


def make_optimizer(config: FineTuneConfig, model: Classifier) -> Optimizer:
    """The optimizer of all weights that ever train; each layer group has its own learning rate."""
    rates = strategies.learning_rates(config, model.spec)
    groups = [
        {"params": group.parameters, "lr": rates[group.name]}
        for group in model.layer_groups()
        if group.name in rates
    ]
    if config.optimizer == "sgd":
        return SGD(groups, weight_decay=config.weight_decay)
    return AdamW(groups, weight_decay=config.weight_decay, fused=True)


def make_schedule(config: FineTuneConfig, optimizer: Optimizer, steps: int) -> LambdaLR:
    """The schedule of the learning rates over a run of `steps` steps."""
    one_cycle = config.schedule == "one-cycle"
    return LambdaLR(
        optimizer,
        lambda step: one_cycle_factor(step, steps, config.warm_up) if one_cycle else 1.0,
    )


def one_cycle_factor(step: int, steps: int, rising: float) -> float:
    """Share of the learning rate at a step: linear warm-up, then a cosine to zero (Smith 2018)."""
    warm_up = max(1, int(steps * rising + 1e-9))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, steps - warm_up))))
