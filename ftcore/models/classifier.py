"""What the rest of the program knows of a model: the lesson's and an encoder are the same to it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from ftcore.models.encoder_spec import Pooling
from ftcore.models.spec import ModelSpec


@dataclass(frozen=True)
class LayerGroup:
    """Weights that are frozen or trained together."""

    name: str
    parameters: list[nn.Parameter]


class Classifier(nn.Module, ABC):
    """Token ids [batch, length] and text lengths [batch] → scores of the classes [batch, classes]."""

    spec: ModelSpec
    classifier: nn.Module
    """The head: features [texts, dim] → scores [texts, classes]."""
    draws_when_training: bool
    """Whether a pass in training draws random numbers, so that the order of passes matters."""

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Return the vector of each token that the model starts from, [batch, length, dim]."""

    @abstractmethod
    def features_of(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Return the vector of each text that the head classifies, [batch, dim], from `embed`'s result."""

    @abstractmethod
    def can_start_at(self, layer: int) -> bool:
        """Return whether `features_from` can go on at a layer, counted from 0 at the bottom."""

    @abstractmethod
    def states(self, ids: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return what a layer reads of each token, [batch, length, dim]."""

    @abstractmethod
    def features_from(self, states: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return the features of texts, [batch, dim], from what `states` returned for that layer."""

    @abstractmethod
    def layer_groups(self) -> list[LayerGroup]:
        """Return the layer groups in the order of unfreezing: head first."""

    @property
    @abstractmethod
    def last_layer(self) -> nn.Linear:
        """The head's last layer, all of it for most models: it gives the scores of the classes."""

    @abstractmethod
    def below_last_layer(self) -> nn.Module:
        """Return the rest of the head: features [texts, dim] → what its last layer reads."""

    @abstractmethod
    def replace_head(self, classes: int, pooling: Pooling = "mean") -> None:
        """Put a new head with random weights for another number of classes."""

    def weights(self) -> dict[str, Tensor]:
        """Return all weights by name, but for a last layer that means nothing."""
        return self.state_dict()

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the vector of each text that the head classifies, [batch, dim]."""
        return self.features_of(self.embed(ids), lengths)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.classifier(self.features(ids, lengths))
