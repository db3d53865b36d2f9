"""The lesson's text classifier: word vectors, a transformer encoder, the mean over words, a linear head."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ftcore.shape import LONGEST, ModelShape

# Its inference kernels refuse a padding mask under bf16 autocast; the normal path is as fast here.
torch.backends.mha.set_fastpath_enabled(False)


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are frozen or trained together."""

    name: str
    modules: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        """All weights of the group."""
        return [weight for module in self.modules for weight in module.parameters()]


class TextClassifier(nn.Module):
    """Token ids [batch, length] and text lengths [batch] → scores of the classes [batch, classes].

    As in the lesson, but attention runs along each text (`batch_first`), padding is masked, and the
    mean is taken over real tokens alone.
    """

    def __init__(
        self, shape: ModelShape, vectors: Tensor | None = None, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.shape = shape
        # Without vectors the weights are about to be loaded, so none are drawn at random.
        self.embedding = nn.Embedding.from_pretrained(
            torch.empty(shape.vocab_size, shape.dim) if vectors is None else vectors.float()
        )
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            shape.dim, shape.heads, shape.feedforward, dropout, batch_first=True
        )
        # Dropout inside attention would rule out the fused kernel: 9 times slower on a CPU.
        layer.self_attn.dropout = 0.0
        self.transformer_encoder = nn.TransformerEncoder(
            layer, shape.layers, enable_nested_tensor=False
        )
        self.classifier = nn.Linear(shape.dim, shape.classes)
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(LONGEST, shape.dim), persistent=False)
        for weight in self.transformer_encoder.parameters():
            if weight.dim() > 1:  # the encoder clones one layer, so each is drawn anew
                nn.init.xavier_uniform_(weight)

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """What the body makes of each text, before the head: [batch, dim]."""
        padding = torch.arange(ids.shape[1], device=ids.device) >= lengths[:, None]
        x = self.embedding(ids) * math.sqrt(self.shape.dim) + self.positions[: ids.shape[1]]
        x = self.transformer_encoder(self.dropout(x), src_key_padding_mask=padding)
        return x.masked_fill(padding[..., None], 0).sum(1) / lengths[:, None]

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        return self.classifier(self.features(ids, lengths))

    def replace_head(self, classes: int) -> None:
        """A new last layer with random weights for another number of classes."""
        self.classifier = nn.Linear(self.shape.dim, classes).to(self.classifier.weight.device)
        self.shape = replace(self.shape, classes=classes)

    def layer_groups(self) -> list[LayerGroup]:
        """The model in the order in which one unfreezes it: head first, word vectors last."""
        layers = list(enumerate(self.transformer_encoder.layers, start=1))
        return [
            LayerGroup("head", (self.classifier,)),
            *(LayerGroup(f"layer {number}", (layer,)) for number, layer in reversed(layers)),
            LayerGroup("word vectors", (self.embedding,)),
        ]


def sinusoids(length: int, dim: int) -> Tensor:
    """Sinusoidal positions [length, dim] (Vaswani et al. 2017)."""
    angles = torch.arange(length)[:, None] * torch.exp(
        torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim)
    )
    positions = torch.zeros(length, dim)
    positions[:, 0::2] = angles.sin()
    positions[:, 1::2] = angles.cos()[:, : dim // 2]
    return positions
