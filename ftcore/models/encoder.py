"""A pretrained encoder of transformers with a head, in the form of the lesson's classifier."""

import copy
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from ftcore.models.classifier import Classifier, LayerGroup
from ftcore.models.encoder_spec import EncoderSpec, Pooling
from ftcore.models.families import FAMILIES, Family

ATTENTION = "by_device"  # the name of `attend` in transformers


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention by the fastest means of the device.

    On a CPU with gradients in bf16, plain matrix products: the backward pass of fused attention takes five
    times as long there (docs/performance.md). Query, key, value: [batch, heads, length, dim / heads].
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.requires_grad:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        scores = (query * scale) @ key.transpose(-1, -2)
        if attention_mask is not None:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        weights = F.dropout(scores.softmax(-1), dropout).to(value.dtype)
        mixed = weights @ value
    else:
        mixed = F.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout, scale=scaling
        )
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


class FamilyHead(nn.Module):
    """The head of a family's classification class: features [texts, dim] → scores [texts, classes]."""

    def __init__(self, family: Family, model: PreTrainedModel) -> None:
        super().__init__()
        self.score = family.score
        for path in family.head:
            self.add_module(path.rpartition(".")[2], model.get_submodule(path))

    def forward(self, features: Tensor) -> Tensor:
        return self.score(self, features)


class EncoderClassifier(Classifier):
    """Token ids [batch, length] and text lengths [batch] → scores of the classes [batch, classes].

    The features of a text are the mean over its tokens, special ones included, or its first token's.
    A checkpoint without a head has one class here, whose scores mean nothing.
    """

    spec: EncoderSpec

    def __init__(self, spec: EncoderSpec, dropout: float = 0.0) -> None:
        super().__init__()
        family = FAMILIES[spec.family]
        config = AutoConfig.for_model(spec.family, **spec.config, num_labels=max(spec.classes, 1))
        for name in config.to_dict():  # a config.json may lack those that are the family's default
            if name.endswith(("dropout", "dropout_prob")):
                setattr(config, name, dropout)
        attention = ATTENTION if family.fused_attention else "eager"
        model = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.float32, attn_implementation=attention
        )
        self.spec = spec
        self.draws_when_training = dropout > 0
        self.body: PreTrainedModel = model.base_model
        self.classifier: nn.Module = FamilyHead(family, model)
        if hasattr(self.body, "pooler"):
            self.body.pooler = None  # it belongs to the head
        if spec.pooling == "mean":
            self.classifier = nn.Linear(spec.dim, max(spec.classes, 1))
            self.body._init_weights(self.classifier)

    def initialize_head(self) -> None:
        """Draw random weights for the head."""
        for module in self.classifier.modules():
            self.body._init_weights(module)  # type: ignore[no-untyped-call]

    @property
    def last_layer(self) -> nn.Linear:
        """The head, or the last layer of the family's head."""
        head = self.classifier
        if self.spec.pooling == "first":
            head = head.get_submodule(FAMILIES[self.spec.family].last)
        assert isinstance(head, nn.Linear)
        return head

    def below_last_layer(self) -> nn.Module:
        """Return the features as they are, or a family's head without its last layer."""
        if self.spec.pooling == "mean":
            return nn.Identity()
        head = copy.deepcopy(self.classifier)
        head.set_submodule(FAMILIES[self.spec.family].last, nn.Identity())
        return head.eval()

    def replace_head(self, classes: int, pooling: Pooling = "mean") -> None:
        """Put a new head with random weights; with the same pooling, only its last layer is new."""
        spec = replace(self.spec, classes=classes, pooling=pooling)
        with torch.device("meta"):
            drawn = EncoderClassifier(spec)
        drawn.classifier.to_empty(device=self.body.device)
        drawn.initialize_head()
        head = drawn.classifier
        last = FAMILIES[spec.family].last
        if pooling == "first" and self.spec.pooling == "first":
            new, head = head, self.classifier
            head.set_submodule(last, new.get_submodule(last))
        count = sum(weight.numel() for weight in head.parameters())
        pooler = count - classes * (spec.dim + 1)
        self.classifier, self.spec = head, replace(spec, pooler=pooler)

    def weights(self) -> dict[str, Tensor]:
        """Return all weights by name, but for a last layer that means nothing."""
        absent = self.spec.absent
        return {n: weight for n, weight in self.state_dict().items() if not n.startswith(absent)}

    def embed(self, ids: Tensor) -> Tensor:
        """Return the vector of each token, without its position, [batch, length, dim]."""
        return self.body.get_input_embeddings()(ids)

    def features_of(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """Return the vector of each text that the head classifies, [batch, dim]."""
        return self._pooled({"inputs_embeds": embedded}, lengths)

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the vector of each text that the head classifies, [batch, dim]."""
        return self._pooled({"input_ids": ids}, lengths)

    def can_start_at(self, layer: int) -> bool:
        """Return whether `features_from` can go on at a layer, counted from 0 at the bottom.

        Not if layers are shared, nor if a convolution spans the lowest (DeBERTa-v2 xlarge).
        """
        convolution = getattr(getattr(self.body, "encoder", None), "conv", None)
        return FAMILIES[self.spec.family].separate_layers and convolution is None

    def states(self, ids: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return what a layer reads of each token, [batch, length, dim]."""
        family = FAMILIES[self.spec.family]
        below = _layers(self.body, family)[:layer]
        body = _with_module(self.body, family.layers, below)
        for path in family.top:
            body = _with_module(body, path, nn.Identity())
        return body(input_ids=ids, attention_mask=_mask(ids, lengths)).last_hidden_state

    def features_from(self, states: Tensor, lengths: Tensor, layer: int) -> Tensor:
        """Return the features of texts, [batch, dim], from what `states` returned for that layer.

        The family's own body computes them, so masks and positions are as ever: its embeddings are replaced
        by the states, and its list of layers begins at `layer`.
        """
        family = FAMILIES[self.spec.family]
        body = _with_module(self.body, family.layers, _layers(self.body, family)[layer:])
        for name in ("embeddings", "embeddings_project"):
            if hasattr(body, name):
                body = _with_module(body, name, _Given(states))
        return self._pooled({"inputs_embeds": states}, lengths, body)

    def _pooled(
        self, inputs: dict[str, Tensor], lengths: Tensor, body: nn.Module | None = None
    ) -> Tensor:
        mask = _mask(next(iter(inputs.values())), lengths)
        states = (body or self.body)(**inputs, attention_mask=mask).last_hidden_state
        if self.spec.pooling == "first":
            return states[:, 0]
        return (states * mask[..., None]).sum(1) / lengths[:, None]

    def layer_groups(self) -> list[LayerGroup]:
        """Return the layer groups in the order of unfreezing: head first, embeddings last."""
        family = FAMILIES[self.spec.family]
        layers = list(_layers(self.body, family))
        top = [self.body.get_submodule(path) for path in family.top]
        modules = {f"layer {number}": [layer] for number, layer in enumerate(layers, start=1)}
        modules[f"layer {len(layers)}"] += top
        groups = {
            name: [weight for module in each for weight in module.parameters()]
            for name, each in modules.items()
        }
        above = {id(weight) for weights in groups.values() for weight in weights}
        rest = [weight for weight in self.body.parameters() if id(weight) not in above]
        return [
            LayerGroup("head", list(self.classifier.parameters())),
            *(LayerGroup(name, weights) for name, weights in reversed(groups.items())),
            LayerGroup("embeddings", rest),
        ]


class _Given(nn.Module):
    """In place of a module: returns a tensor, whatever it reads."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Any, **__: Any) -> Tensor:
        return self.output


def _layers(body: PreTrainedModel, family: Family) -> nn.ModuleList:
    layers = body.get_submodule(family.layers)
    assert isinstance(layers, nn.ModuleList)
    return layers


def _with_module(module: nn.Module, path: str, other: nn.Module) -> nn.Module:
    """Return a copy that shares all weights, with another module at a path."""
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    name, _, rest = path.partition(".")
    inner = module._modules[name]
    assert inner is not None
    copied._modules[name] = _with_module(inner, rest, other) if rest else other
    return copied


def _mask(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Return where a batch [batch, length, …] has tokens, bool [batch, length]."""
    return torch.arange(inputs.shape[1], device=lengths.device) < lengths[:, None]


def unfilled(spec: EncoderSpec, dropout: float = 0.0) -> EncoderClassifier:
    """Return a model whose weights will be loaded; draws nothing from the shared generator."""
    with torch.device("meta"):
        model = EncoderClassifier(spec, dropout)
    model.to_empty(device="cpu")
    for module in model.modules():
        if module._non_persistent_buffers_set:  # positions and the like, in no file
            model.body._init_weights(module)  # type: ignore[no-untyped-call]
    return model
