"""LoRA: an encoder whose layers stay as they are and get small trainable matrices beside them."""

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear
from torch import Tensor, nn

from ftcore.models.classifier import LayerGroup
from ftcore.models.encoder import EncoderClassifier
from ftcore.models.encoder_spec import LORA_ALPHA
from ftcore.models.families import FAMILIES

_NAME = "default"  # peft's name of an adapter


class AdaptedEncoder(EncoderClassifier):
    """An encoder with adapters on every linear layer of its body (Hu et al. 2022).

    Its layer groups hold what can train: the adapters and the head. Its `weights` are those of the plain
    encoder that gives the same answers, so a checkpoint needs no adapters.
    """

    def __init__(self, plain: EncoderClassifier, rank: int) -> None:
        """Take over `plain`, which cannot be used by itself any more. Draws random numbers."""
        nn.Module.__init__(self)
        self.__dict__.update(plain.__dict__)
        layers = FAMILIES[plain.spec.family].layers
        linear = [
            f"{layers}.{name}"
            for name, module in self.body.get_submodule(layers).named_modules()
            if isinstance(module, nn.Linear)
        ]
        config = LoraConfig(r=rank, lora_alpha=LORA_ALPHA, target_modules=linear)
        inject_adapter_in_model(config, self.body)  # freezes all else
        for module in self._adapters().values():
            module.cast_input_dtype_enabled = False  # autocast takes care of it

    def layer_groups(self) -> list[LayerGroup]:
        """Return the layer groups in the order of unfreezing, with the weights that can train."""
        adapters = {id(w) for name, w in self.body.named_parameters() if ".lora_" in name}
        head, *body = super().layer_groups()
        return [
            head,
            *(
                LayerGroup(group.name, [w for w in group.parameters if id(w) in adapters])
                for group in body
            ),
        ]

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the plain encoder with the same answers; those that train are not touched."""
        weights = {
            name.replace(".base_layer.", "."): weight
            for name, weight in super().weights().items()
            if ".lora_" not in name
        }
        with torch.no_grad():
            for name, module in self._adapters().items():
                merged = weights[f"{name}.weight"] + module.get_delta_weight(_NAME)
                weights[f"{name}.weight"] = merged
        return weights

    def _adapters(self) -> dict[str, Linear]:
        return {n: module for n, module in self.named_modules() if isinstance(module, Linear)}
