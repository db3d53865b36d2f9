"""The lesson's text classifier: word vectors, a transformer encoder, the mean over words, a linear head."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ftcore.models.classifier import Classifier, LayerGroup
from ftcore.models.encoder_spec import Pooling
from ftcore.models.spec import LessonSpec
from ftcore.text.truncation import MAX_LENGTH
from ftcore.text.words import UNK

WRITTEN_OUT = 512  # tokens up to which attention's whole matrix is worth its memory


class TextDropout(nn.Module):
    """Dropout of the same features at every token of a text (Gal & Ghahramani 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.rate)
        return x * (keep / (1 - self.rate))


class EncoderLayer(nn.TransformerEncoderLayer):
    """PyTorch's layer with the same weights and no dropout inside attention.

    On a CPU, in bf16 and up to WRITTEN_OUT tokens, two matrix products and a softmax are faster than the
    fused kernel (docs/performance.md). Otherwise the kernel is used, which needs less memory.
    """

    def __init__(self, dim: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__(dim, heads, feedforward, dropout=0.0, batch_first=True)
        drop = TextDropout(dropout)
        self.dropout = self.dropout1 = self.dropout2 = drop  # type: ignore[assignment]

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Texts [batch, length, dim] and an additive mask [batch, length], minus infinity at padding."""
        assert src_key_padding_mask is not None
        x = self.norm1(src + self.dropout1(self._attend(src, src_key_padding_mask)))
        inner = self.dropout(F.relu(self.linear1(x)))
        return self.norm2(x + self.dropout2(self.linear2(inner)))

    def _attend(self, x: Tensor, padding: Tensor) -> Tensor:
        batch, length, dim = x.shape
        attention = self.self_attn
        projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        # [3, batch, heads, length, dim / heads]
        q, k, v = projected.view(batch, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
        mask = padding[:, None, None].to(q.dtype)
        if q.device.type == "cpu" and q.dtype == torch.bfloat16 and length <= WRITTEN_OUT:
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + mask
            mixed = scores.softmax(-1).to(v.dtype) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, mask)
        return attention.out_proj(mixed.transpose(1, 2).reshape(batch, length, dim))


class LessonClassifier(Classifier):
    """Token ids [batch, length] and text lengths [batch] → scores of the classes [batch, classes].

    The lesson's model, but attention runs along each text (`batch_first`), padding is masked, and the mean is
    over the real tokens only.
    """

    spec: LessonSpec
    classifier: nn.Linear

    def __init__(
        self,
        spec: LessonSpec,
        vectors: Tensor | None = None,
        dropout: float = 0.1,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.spec = spec
        # Without vectors, weights are loaded later, so none are drawn at random.
        self.embedding = nn.Embedding.from_pretrained(
            torch.empty(spec.vocab_size, spec.dim) if vectors is None else vectors.float()
        )
        self.dropout = TextDropout(dropout)
        self.word_dropout = word_dropout
        self.draws_when_training = max(dropout, word_dropout) > 0
        layer = EncoderLayer(spec.dim, spec.heads, spec.feedforward, dropout)
        self.transformer_encoder = nn.TransformerEncoder(
            layer, spec.layers, enable_nested_tensor=False
        )
        self.classifier = nn.Linear(spec.dim, spec.classes)
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(MAX_LENGTH, spec.dim), persistent=False)
        for weight in self.transformer_encoder.parameters():
            if weight.dim() > 1:  # the encoder clones one layer, so each is drawn anew
                nn.init.xavier_uniform_(weight)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the word vector of each token, [batch, length, dim]."""
        if self.training and self.word_dropout:
            hidden = torch.rand(ids.shape, device=ids.device) < self.word_dropout
            ids = ids.masked_fill(hidden, UNK)
        return self.embedding(ids)

    def features_of(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Return the vector of each text that the head classifies, [batch, dim]."""
        return self.features_from(self._placed(embedded), lengths, 0)

    def can_start_at(self, layer: int) -> bool:
        return True

    def states(self, ids: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return what a layer reads of each token, [batch, length, dim]."""
        states = self._placed(self.embed(ids))
        return self._through(states, _padding(states, lengths), slice(layer))

    def features_from(self, states: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return the features of texts, [batch, dim], from what `states` returned for that layer."""
        padding = _padding(states, lengths)
        x = self._through(states, padding, slice(layer, None))
        return x.masked_fill(padding[..., None], 0).sum(1) / lengths[:, None]

    @property
    def last_layer(self) -> nn.Linear:
        """The head."""
        return self.classifier

    def below_last_layer(self) -> nn.Module:
        """Return the features as they are."""
        return nn.Identity()

    def replace_head(self, classes: int, pooling: Pooling = "mean") -> None:
        """Put a new head with random weights for another number of classes."""
        self.classifier = nn.Linear(self.spec.dim, classes).to(self.positions.device)
        self.spec = self.spec.with_classes(classes)

    def layer_groups(self) -> list[LayerGroup]:
        """Return the layer groups in the order of unfreezing: head first, word vectors last."""
        layers = list(enumerate(self.transformer_encoder.layers, start=1))
        return [
            LayerGroup("head", list(self.classifier.parameters())),
            *(LayerGroup(f"layer {n}", list(layer.parameters())) for n, layer in reversed(layers)),
            LayerGroup("word vectors", list(self.embedding.parameters())),
        ]

    def _placed(self, embedded: Tensor) -> Tensor:
        """Return word vectors with their positions, as the lowest layer reads them."""
        x = embedded * math.sqrt(self.spec.dim) + self.positions[: embedded.shape[1]]
        return self.dropout(x)

    def _through(self, x: Tensor, padding: Tensor, layers: slice) -> Tensor:
        mask = torch.zeros(padding.shape, dtype=x.dtype, device=x.device)
        mask.masked_fill_(padding, -math.inf)
        for layer in self.transformer_encoder.layers[layers]:
            x = layer(x, src_key_padding_mask=mask)
        return x


def unfilled(spec: LessonSpec, dropout: float = 0.0, word_dropout: float = 0.0) -> LessonClassifier:
    """Return a model whose weights will be loaded; draws nothing from the shared generator."""
    with torch.device("meta"):
        model = LessonClassifier(spec, None, dropout, word_dropout)
    model.to_empty(device="cpu")
    model.positions.copy_(sinusoids(*model.positions.shape))
    return model


def _padding(states: Tensor, lengths: Tensor) -> Tensor:
    """Return where a batch [batch, length, dim] has padding, bool [batch, length]."""
    return torch.arange(states.shape[1], device=states.device) >= lengths[:, None]


def sinusoids(length: int, dim: int) -> Tensor:
    """Return sinusoidal positions [length, dim] (Vaswani et al. 2017)."""
    rates = torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim))
    angles = torch.arange(length)[:, None] * rates
    positions = torch.zeros(length, dim)
    positions[:, 0::2] = angles.sin()
    positions[:, 1::2] = angles.cos()[:, : dim // 2]
    return positions
