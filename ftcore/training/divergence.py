"""What to do about a loss that is not finite."""

import math

from ftcore.config import FineTuneConfig
from ftcore.errors import Diverged
from ftcore.modes import mode_defaults
from ftcore.training.state import TrainingState

NO_NUMBER_AT_START = (
    "The loss is no number before the first step: the weights that the run starts from, or their word "
    "vectors, are too large; choose another checkpoint or other vectors."
)


def check_finite(loss: float, config: FineTuneConfig, state: TrainingState) -> None:
    """Raise Diverged, with advice, if a loss is not finite."""
    if math.isfinite(loss):
        return
    if not state.step:
        raise Diverged(NO_NUMBER_AT_START)
    best = f"; the best model, of step {state.best.step:,}, is kept" if state.best else ""
    raise Diverged(
        f"The loss stopped being a number at step {state.step:,}{best}. Try {_advice(config)}."
    )


def _advice(config: FineTuneConfig) -> str:
    """The settings to change, each only if it can be the cause."""
    usual_rate = mode_defaults(config.mode, config.recipe).learning_rate
    rate = config.learning_rate
    changes = [f"a smaller learning rate than {rate:g}"]
    if rate > usual_rate and config.optimizer == "adamw":
        changes[0] += f" (Quick takes {usual_rate:g})"
    if config.weight_decay > 0.1 and rate * config.weight_decay > 1:  # a step flips the weights
        changes.append(f"a smaller weight decay than {config.weight_decay:g}")
    if config.train_embeddings and config.embedding_rate > 1:
        changes.append(f"a smaller rate of the word vectors than {config.embedding_rate:g}")
    if not config.max_grad_norm and config.optimizer == "sgd":  # AdamW normalizes gradients itself
        changes.append("gradient clipping")
    return ", or ".join(changes)
