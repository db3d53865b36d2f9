"""The sizes of a classifier, known without loading it or torch."""

from dataclasses import asdict, dataclass
from typing import Any

from ftcore import validation
from ftcore.errors import UnfreezeError

_LARGEST = {"vocab_size": 10**8, "layers": 200}  # and of anything else
_LARGE = 10**6


@dataclass(frozen=True)
class ModelSpec:
    """Sizes of a TextClassifier. Raises UnfreezeError where they do not fit together."""

    vocab_size: int
    dim: int
    classes: int
    heads: int = 2
    layers: int = 2
    feedforward: int = 128

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if type(value) is not int or value < 1:
                raise UnfreezeError(
                    f"The model's {name} is {validation.printable(str(value))}; "
                    "it must be a positive integer."
                )
            if value > _LARGEST.get(name, _LARGE):
                raise UnfreezeError(f"The model's {name} is far more than any model has.")
        if self.dim % self.heads:
            raise UnfreezeError(
                f"{self.dim}-d word vectors do not divide into {self.heads} attention heads; "
                "choose a number of heads that divides them."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelSpec":
        """From a checkpoint's JSON."""
        try:
            return cls(**values)
        except TypeError:
            raise UnfreezeError(
                "The checkpoint's model sizes are not ones that this version knows; "
                "open it with the version that wrote it."
            ) from None

    def group_sizes(self) -> dict[str, int]:
        """Parameters by layer group, in the order in which one unfreezes: head first."""
        attention = 4 * self.dim * (self.dim + 1)
        feedforward = 2 * self.dim * self.feedforward + self.dim + self.feedforward
        norms = 4 * self.dim
        return {
            "head": self.classes * (self.dim + 1),
            **{
                f"layer {number}": attention + feedforward + norms
                for number in range(self.layers, 0, -1)
            },
            "word vectors": self.vocab_size * self.dim,
        }

    @property
    def parameters(self) -> int:
        """All of them."""
        return sum(self.group_sizes().values())
