"""Which layer groups train in which mode, and the sentences that describe it."""

import copy
from typing import TYPE_CHECKING

from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.formatting import listing
from ftcore.models.spec import WEIGHT_BYTES, ModelSpec
from ftcore.modes import last_groups

if TYPE_CHECKING:
    from torch.nn import Parameter

    from ftcore.models.classifier import Classifier


def trained_groups(config: FineTuneConfig, shape: ModelSpec, epoch: int | None = None) -> set[str]:
    """Names of the layer groups that train, as `ModelSpec.group_sizes` calls them.

    epoch: counted from 0; None for all that train in any epoch. Raises UsageError for groups that the
    model does not have.
    """
    names = list(shape.group_sizes())
    if config.mode == "last-layer":
        return {"head"}
    if count := last_groups(config.mode):
        if count > len(names):
            raise UsageError(
                f"This model has {len(names)} groups; choose last-{len(names)} at most."
            )
        return set(names[:count])
    if config.mode == "lora":
        return {"head", *shape.adapter_sizes(config.lora_rank)}
    if config.mode == "custom":
        chosen = config.chosen_groups
        if wrong := sorted(chosen - set(names)):
            raise UsageError(
                f"This model has no group {wrong[0]!r}; choose among {', '.join(names)}."
            )
        return chosen
    if not config.train_embeddings:
        names.remove(shape.embedding)
    if config.mode == "gradual":  # a group an epoch from the top (Howard & Ruder 2018)
        names = names[: config.epochs if epoch is None else epoch + 1]
    return set(names)


def head_alone(config: FineTuneConfig, shape: ModelSpec) -> bool:
    """Whether nothing but the last layer ever trains, so that the body's vectors never change."""
    return trained_groups(config, shape) == {"head"}


def fits_head_first(config: FineTuneConfig) -> bool:
    """Whether training starts from the best last layer on the frozen body (Kumar et al. 2022)."""
    return config.mode == "lp-ft"


def model_to_train(config: FineTuneConfig, start: "Classifier") -> "Classifier":
    """A copy of the model that a run starts from; in mode lora with adapters, which are drawn at random."""
    model = copy.deepcopy(start)
    if config.mode != "lora":
        return model
    from ftcore.models.encoder import EncoderClassifier  # imports transformers, the next line peft
    from ftcore.models.lora import AdaptedEncoder

    assert isinstance(model, EncoderClassifier)  # as `trained_groups` demands
    return AdaptedEncoder(model, config.lora_rank)


def frozen_layers(config: FineTuneConfig, shape: ModelSpec) -> int:
    """Number of layers below the lowest one that ever trains."""
    trained = trained_groups(config, shape)
    from_below = reversed(list(shape.group_sizes()))  # the token vectors first
    lowest = next(depth for depth, name in enumerate(from_below) if name in trained)
    return max(0, lowest - 1)


def trained_weights(model: "Classifier", config: FineTuneConfig) -> "dict[str, Parameter]":
    """The weights that ever train, by name."""
    trained = trained_groups(config, model.spec)
    groups = [group for group in model.layer_groups() if group.name in trained]
    ids = {id(weight) for group in groups for weight in group.parameters}
    return {name: weight for name, weight in model.named_parameters() if id(weight) in ids}


def freeze(model: "Classifier", config: FineTuneConfig, epoch: int | None = None) -> None:
    """Set `requires_grad` of all weights for an epoch; see `trained_groups`."""
    trained = trained_groups(config, model.spec, epoch)
    for group in model.layer_groups():
        for weight in group.parameters:
            weight.requires_grad_(group.name in trained)


def learning_rates(config: FineTuneConfig, shape: ModelSpec) -> dict[str, float]:
    """The highest learning rate of each group that ever trains, head first.

    A `layer_decay` below 1 lowers them from the head down (discriminative fine-tuning, Howard & Ruder 2018).
    """
    trained = trained_groups(config, shape)
    share = {"head": config.head_rate, shape.embedding: config.embedding_rate}
    return {
        name: config.learning_rate * config.layer_decay**depth * share.get(name, 1.0)
        for depth, name in enumerate(shape.group_sizes())
        if name in trained
    }


def trainable_parameters(config: FineTuneConfig, shape: ModelSpec) -> int:
    """Number of weights that train."""
    trained = trained_groups(config, shape)
    sizes = shape.group_sizes() | adapter_sizes(config, shape)
    return sum(size for name, size in sizes.items() if name in trained)


def state_bytes(config: FineTuneConfig, shape: ModelSpec, on_cpu: bool) -> int:
    """Bytes of the computer's memory that the weights of a run take, with what their training needs.

    On a CPU: the starting weights, a copy that trains, gradients, and the optimizer's two moments.
    """
    if not on_cpu:
        return WEIGHT_BYTES * shape.parameters
    moments = 2 if config.optimizer == "adamw" else 0
    trained = trainable_parameters(config, shape) * (1 + moments)
    return WEIGHT_BYTES * (2 * shape.parameters + trained)


def adapter_sizes(config: FineTuneConfig, shape: ModelSpec) -> dict[str, int]:
    """Number of weights of the adapters by layer group; empty in a mode that trains the layers themselves."""
    return shape.adapter_sizes(config.lora_rank) if config.mode == "lora" else {}


def describe(config: FineTuneConfig, shape: ModelSpec) -> str:
    """What trains and what is frozen, in words; `shape` has the new head."""
    trained = trained_groups(config, shape)
    what = [name for name in shape.group_sizes() if name in trained]
    frozen = [name for name in shape.group_sizes() if name not in trained]
    if adapters := list(adapter_sizes(config, shape)):
        rank = f"LoRA of rank {config.lora_rank}"
        return (
            f"{_trained_share(config, shape)}: head, and {rank} on {listing(adapters)}. "
            "Frozen: all other weights."
        )
    if config.mode == "gradual":
        what = [f"{what[0]} first, a group more each epoch: {listing(what)}"]
    rest = f" Frozen: {listing(frozen)}." if frozen else " Nothing is frozen."
    return f"{_trained_share(config, shape)}: {listing(what)}.{rest}{_random_start(config)}"


def describe_briefly(config: FineTuneConfig, shape: ModelSpec) -> str:
    """The number of weights that train, for a caption of a picture that shows which."""
    rank = f" LoRA of rank {config.lora_rank}." if config.mode == "lora" else ""
    return f"{_trained_share(config, shape)}.{rank}{_random_start(config)}"


def _trained_share(config: FineTuneConfig, shape: ModelSpec) -> str:
    count, total = trainable_parameters(config, shape), shape.parameters
    share = f"{count / total:.2%}" if count / total < 0.01 else f"{count / total:.1%}"
    fit = "First fits the last layer to the frozen body, then trains"
    verb = fit if fits_head_first(config) else "Trains"
    return f"{verb} {count:,} of {total:,} parameters ({share})"


def _random_start(config: FineTuneConfig) -> str:
    what = "Everything" if config.encoder else "Everything but the word vectors"
    return f" {what} starts random." if config.mode == "scratch" else ""
