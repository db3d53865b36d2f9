"""Which layer groups train in which mode, and how one says that."""

from typing import TYPE_CHECKING

from ftcore.config import FineTuneConfig
from ftcore.shape import ModelShape

if TYPE_CHECKING:
    from torch import nn

    from ftcore.models import TextClassifier

WORD_VECTORS = "word vectors"


def trained_groups(config: FineTuneConfig, shape: ModelShape) -> set[str]:
    """Names of the layer groups that train, as `ModelShape.group_sizes` calls them."""
    if config.mode == "last-layer":
        return {"head"}
    frozen = set() if config.train_embeddings else {WORD_VECTORS}
    return set(shape.group_sizes()) - frozen


def freeze(model: "TextClassifier", config: FineTuneConfig) -> "list[nn.Parameter]":
    """Set what trains and return it."""
    trained = trained_groups(config, model.shape)
    weights = []
    for group in model.layer_groups():
        for weight in group.parameters():
            weight.requires_grad_(group.name in trained)
            if weight.requires_grad:
                weights.append(weight)
    return weights


def trainable_parameters(config: FineTuneConfig, shape: ModelShape) -> int:
    """How many weights train."""
    trained = trained_groups(config, shape)
    return sum(size for name, size in shape.group_sizes().items() if name in trained)


def describe(config: FineTuneConfig, shape: ModelShape) -> str:
    """One line on what trains and what is frozen; `shape` is that after the head was replaced."""
    trained = trained_groups(config, shape)
    count, total = trainable_parameters(config, shape), shape.parameters
    what = [name for name in shape.group_sizes() if name in trained]
    frozen = [name for name in shape.group_sizes() if name not in trained]
    share = f"{count / total:.2%}" if count / total < 0.01 else f"{count / total:.1%}"
    rest = f" Frozen: {_listed(frozen)}." if frozen else " Nothing is frozen."
    trains = f"Trains {count:,} of {total:,} parameters ({share}): {_listed(what)}.{rest}"
    return trains + " Everything but the word vectors starts random." * (config.mode == "scratch")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
