"""The sizes of an encoder, known without loading its weights, torch or transformers."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.models.families import FAMILIES
from ftcore.models.spec import ModelSpec
from ftcore.text.truncation import MAX_LENGTH

Pooling = Literal["mean", "first"]
_SIZES = {  # field → its names in the config.json of families
    "dim": ("hidden_size", "dim"),
    "layers": ("num_hidden_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_heads"),
    "vocab_size": ("vocab_size",),
}
_FEEDFORWARD = ("intermediate_size", "hidden_dim")
_LIMITS = {"dim": 16_384, "layers": 200, "vocab_size": 10**8}
_LOWER = ("embeddings", "encoder.", "transformer.")  # parts of a body that are no layer, by prefix

# LoRA makes of a weight W: W + LORA_ALPHA / rank · B A. With a fixed one the best learning rate hardly
# depends on the rank (Schulman 2025, "LoRA Without Regret", which takes 32).
LORA_ALPHA = 32


@dataclass(frozen=True)
class EncoderSpec(ModelSpec):
    """Sizes of an EncoderClassifier. Raises UnfreezeError if they do not fit together."""

    family: str
    """The `model_type` of transformers."""
    config: dict[str, Any]
    """The model's own config.json, as transformers reads it."""
    classes: int
    """0: the checkpoint has no head."""
    pooling: Pooling
    body: dict[str, int]
    """Parameters by layer group, top first, without the head."""
    pooler: int = 0
    """Parameters of the head that do not depend on the number of classes."""

    dim: int = field(init=False)
    """Length of a text's feature vector."""
    layers: int = field(init=False)
    heads: int = field(init=False)
    vocab_size: int = field(init=False)

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UnfreezeError(
                f"Models of the type {validation.printable(self.family)!r} are not supported: "
                f"choose one of the types {', '.join(FAMILIES)}."
            )
        for name, keys in _SIZES.items():
            object.__setattr__(self, name, self._size(keys, _LIMITS.get(name, 10**6)))
        if self.pooling not in ("mean", "first") or self.classes < 0:
            raise UnfreezeError("The checkpoint's pooling or number of classes cannot be read.")

    def with_head(self, classes: int, pooling: str) -> "EncoderSpec":
        """Return the sizes with a new head, which reads the mean over a text's tokens or its first token.

        auto: what the present head reads; the mean if there is none.
        """
        if pooling == "auto" and self.classes:
            pooling = self.pooling
        if pooling != "first":
            return replace(self, classes=classes, pooling="mean", pooler=0)
        # What lies below the last layer in a family's head: a matrix and as many numbers as it has rows.
        return replace(self, classes=classes, pooling="first", pooler=self.dim * (self.dim + 1))

    @property
    def absent(self) -> tuple[str, ...]:
        """Prefixes of the weights that a checkpoint of these sizes lacks: those of a missing head."""
        if self.classes:
            return ()
        return (
            "classifier."
            if self.pooling == "mean"
            else f"classifier.{FAMILIES[self.family].last}.",
        )

    @property
    def pad(self) -> int:
        """Id of the padding token."""
        return int(self.config.get("pad_token_id") or 0)

    @property
    def max_length(self) -> int:
        """Most tokens of a text that the model can read, special tokens included."""
        positions = self.config.get("max_position_embeddings") or MAX_LENGTH
        return min(int(positions) - FAMILIES[self.family].offset, MAX_LENGTH)

    def _size(self, keys: Sequence[str], limit: int = 10**6) -> int:
        """The number under one of some names in the model's config. Raises UnfreezeError."""
        value = next((self.config[key] for key in keys if key in self.config), None)
        if type(value) is not int or not 1 <= value <= limit:
            raise UnfreezeError(f"The model's {keys[0]} is no usable number.")
        return value

    def adapter_sizes(self, rank: int) -> dict[str, int]:
        """Return the number of parameters of LoRA adapters by layer group; those of a linear layer map its
        inputs to `rank` numbers, and these to its outputs."""
        linear = FAMILIES[self.family].linear(self.dim, self._size(_FEEDFORWARD), self.config)
        size = rank * sum(map(sum, linear))
        return {name: size for name in self.body if name.startswith("layer")}

    def group_sizes(self) -> dict[str, int]:
        """Return the number of parameters by layer group, in the order of unfreezing: head first."""
        return {"head": self.pooler + self.classes * (self.dim + 1), **self.body}


def body_sizes(family: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Return the parameters of a body by layer group, top first, from the shapes of its weights.

    shapes: by name, as in the header of a safetensors file. Weights of heads are left out.
    """
    parts = FAMILIES[family]
    layer = re.compile(rf"{re.escape(parts.layers)}\.(\d+)\.")
    sizes: dict[str, int] = {"embeddings": 0}
    for name, shape in shapes.items():
        inside = name.removeprefix(f"{parts.prefix}.")
        if match := layer.match(inside):
            group = f"layer {int(match[1]) + 1}"
        elif inside.startswith(parts.top) and parts.top:
            group = "top"
        elif inside.startswith(_LOWER):
            group = "embeddings"
        else:  # a head
            continue
        sizes[group] = sizes.get(group, 0) + math.prod(shape)
    top = sizes.pop("top", 0)
    count = len(sizes) - 1
    layers = {f"layer {number}": sizes[f"layer {number}"] for number in range(count, 0, -1)}
    layers[f"layer {count}"] += top
    return layers | {"embeddings": sizes["embeddings"]}
