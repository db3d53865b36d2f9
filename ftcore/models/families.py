"""The encoder families whose layers are known: where a body keeps its layers, and how a head reads it.

A family is a `model_type` of transformers. Its head is that of its own `…ForSequenceClassification` class, so
that a checkpoint opens there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Sizes = list[tuple[int, int]]


def _linear(dim: int, feedforward: int, config: Mapping[str, Any]) -> Sizes:
    return [(dim, dim)] * 4 + [(dim, feedforward), (feedforward, dim)]


def _albert_linear(dim: int, feedforward: int, config: Mapping[str, Any]) -> Sizes:
    return _linear(dim, feedforward, config) * int(config.get("inner_group_num", 1))


def _deberta_linear(dim: int, feedforward: int, config: Mapping[str, Any]) -> Sizes:
    positions = (config.get("pos_att_type") or "") if config.get("relative_attention") else ""
    own = [] if config.get("share_att_key") else [n for n in ("c2p", "p2c") if n in positions]
    return _linear(dim, feedforward, config) + [(dim, dim)] * len(own)


def _modernbert_linear(dim: int, feedforward: int, config: Mapping[str, Any]) -> Sizes:
    return [(dim, 3 * dim), (dim, dim), (dim, 2 * feedforward), (feedforward, dim)]


@dataclass(frozen=True)
class Family:
    """How a family names its parts."""

    prefix: str
    """Name of the body in the classification class."""
    layers: str
    """Path of the list of layers in the body."""
    head: tuple[str, ...]
    """Paths of the head's modules in the classification class, lowest first."""
    score: "Callable[[Any, Tensor], Tensor]"
    """The head's modules and the features [texts, dim] of the first token → scores [texts, classes]."""
    linear: Callable[[int, int, Mapping[str, Any]], Sizes] = _linear
    """Width, width of the feed-forward part and config → inputs and outputs of a layer's linear layers."""
    last: str = "classifier"
    """Path in the head of the layer whose size depends on the number of classes."""
    top: tuple[str, ...] = ()
    """Modules of the body above its layers; they belong to the top layer's group."""
    offset: int = 0
    """Positions that no token can take."""
    fused_attention: bool = True
    """Whether transformers offers it another attention than its own."""
    separate_layers: bool = True
    """Whether each layer has its own weights."""


def _pooled(head: Any, features: "Tensor") -> "Tensor":
    return head.classifier(head.pooler(features[:, None]))


def _sequence(head: Any, features: "Tensor") -> "Tensor":
    return head.classifier(features[:, None])


def _albert(head: Any, features: "Tensor") -> "Tensor":
    return head.classifier(head.pooler(features).tanh())


def _distilbert(head: Any, features: "Tensor") -> "Tensor":
    return head.classifier(head.pre_classifier(features).relu())


def _modernbert(head: Any, features: "Tensor") -> "Tensor":
    return head.classifier(head.head(features))


_ROBERTA = Family(
    "roberta", "encoder.layer", ("classifier",), _sequence, last="classifier.out_proj", offset=2
)
FAMILIES: dict[str, Family] = {
    "bert": Family("bert", "encoder.layer", ("bert.pooler", "classifier"), _pooled),
    "electra": Family(
        "electra", "encoder.layer", ("classifier",), _sequence, last="classifier.out_proj"
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": Family(
        "distilbert", "transformer.layer", ("pre_classifier", "classifier"), _distilbert
    ),
    "mpnet": Family(
        "mpnet",
        "encoder.layer",
        ("classifier",),
        _sequence,
        last="classifier.out_proj",
        offset=2,
        fused_attention=False,
    ),
    "deberta-v2": Family(
        "deberta",
        "encoder.layer",
        ("pooler", "classifier"),
        _pooled,
        _deberta_linear,
        fused_attention=False,
    ),
    "modernbert": Family(
        "model",
        "layers",
        ("head", "classifier"),
        _modernbert,
        _modernbert_linear,
        top=("final_norm",),
    ),
    "albert": Family(
        "albert",
        "encoder.albert_layer_groups",
        ("albert.pooler", "classifier"),
        _albert,
        _albert_linear,
        separate_layers=False,
    ),
}
