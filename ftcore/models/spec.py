"""The sizes of a classifier, known without loading its weights or torch."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from ftcore import validation
from ftcore.errors import UnfreezeError, UsageError
from ftcore.text.truncation import MAX_LENGTH

WEIGHT_BYTES = 4  # of a weight in memory, fp32
_LIMITS = {"vocab_size": 10**8, "layers": 200}
_DEFAULT_LIMIT = 10**6


class ModelSpec(ABC):
    """Sizes of a model, whichever kind it is."""

    classes: int
    """0: the checkpoint has no head."""
    dim: int
    heads: int
    layers: int
    vocab_size: int

    @property
    @abstractmethod
    def max_length(self) -> int:
        """Most tokens of a text that the model can read, special tokens included."""

    @abstractmethod
    def group_sizes(self) -> dict[str, int]:
        """Return the number of parameters by layer group, in the order of unfreezing: head first."""

    def adapter_sizes(self, rank: int) -> dict[str, int]:
        """Return the parameters of LoRA adapters by layer group. Raises UsageError if the model has none."""
        raise UsageError("LoRA is for encoders: choose mode full, or an encoder as checkpoint.")

    def with_classes(self, classes: int) -> Self:
        """Return the sizes with another number of classes."""
        return replace(self, classes=classes)  # type: ignore[type-var]

    def with_head(self, classes: int, pooling: str) -> Self:
        """Return the sizes with a new head, which reads the mean over a text's tokens or its first token."""
        return self.with_classes(classes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a spec from a checkpoint's JSON. Raises UnfreezeError."""
        try:
            return cls(**values)
        except TypeError:
            raise UnfreezeError("Another version of Unfreeze wrote this; open it there.") from None

    @property
    def absent(self) -> tuple[str, ...]:
        """Prefixes of the weights that a checkpoint of these sizes lacks."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        given = (field for field in fields(self) if field.init)  # type: ignore[arg-type]
        return {field.name: getattr(self, field.name) for field in given}

    @property
    def embedding(self) -> str:
        """Name of the lowest layer group, which holds the vectors of tokens."""
        return list(self.group_sizes())[-1]

    @property
    def parameters(self) -> int:
        """Number of all parameters."""
        return sum(self.group_sizes().values())


@dataclass(frozen=True)
class LessonSpec(ModelSpec):
    """Sizes of a LessonClassifier. Raises UnfreezeError if they do not fit together."""

    vocab_size: int
    dim: int
    classes: int
    heads: int = 2
    layers: int = 2
    feedforward: int = 128

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) is not int or value < 1:
                shown = validation.printable(str(value))
                raise UnfreezeError(f"The model's {name} is {shown}; give a positive integer.")
            if value > _LIMITS.get(name, _DEFAULT_LIMIT):
                raise UnfreezeError(f"The model's {name} is too large.")
        if self.dim % self.heads:
            raise UnfreezeError(
                f"{self.dim}-d word vectors are not divisible by {self.heads} attention heads; "
                f"choose a divisor of {self.dim}."
            )

    @property
    def max_length(self) -> int:
        """Most tokens of a text that the model can read."""
        return MAX_LENGTH

    def group_sizes(self) -> dict[str, int]:
        """Return the number of parameters by layer group, in the order of unfreezing: head first."""
        attention = 4 * self.dim * (self.dim + 1)
        feedforward = 2 * self.dim * self.feedforward + self.dim + self.feedforward
        layer = attention + feedforward + 4 * self.dim  # with the two norms
        head, vectors = self.classes * (self.dim + 1), self.vocab_size * self.dim
        layers = {f"layer {number}": layer for number in range(self.layers, 0, -1)}
        return {"head": head, **layers, "word vectors": vectors}
