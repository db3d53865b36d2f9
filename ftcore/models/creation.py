"""Models from their specs, whichever kind they are; transformers is imported only for an encoder."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ftcore.models import lesson_model
from ftcore.models.classifier import Classifier
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.lesson_model import LessonClassifier
from ftcore.models.spec import LessonSpec, ModelSpec


def create(spec: ModelSpec, dropout: float = 0.0, word_dropout: float = 0.0) -> Classifier:
    """Return a model with random weights, but for the lesson's word vectors, which must be loaded."""
    if isinstance(spec, EncoderSpec):
        from ftcore.models.encoder import EncoderClassifier

        return EncoderClassifier(spec, dropout)
    assert isinstance(spec, LessonSpec)
    return LessonClassifier(spec, None, dropout, word_dropout)


def unfilled(spec: ModelSpec, dropout: float = 0.0, word_dropout: float = 0.0) -> Classifier:
    """Return a model whose weights will be loaded; draws nothing from the shared generator."""
    if isinstance(spec, EncoderSpec):
        from ftcore.models import encoder

        return encoder.unfilled(spec, dropout)
    assert isinstance(spec, LessonSpec)
    return lesson_model.unfilled(spec, dropout, word_dropout)


def weight_faults(spec: ModelSpec, weights: Mapping[str, Tensor]) -> list[str]:
    """Describe each weight that is missing, superfluous, of another shape, or not a finite number.

    A checkpoint without classes has no last layer.
    """
    with torch.device("meta"):  # shapes without memory
        expected = create(spec).state_dict()
    faults = [
        f"{name} is missing"
        for name in expected
        if name not in weights and not name.startswith(spec.absent)
    ]
    for name, weight in weights.items():
        if name not in expected:
            faults.append(f"{name} does not belong there")
        elif weight.shape != expected[name].shape:
            faults.append(f"{name} is {list(weight.shape)} instead of {list(expected[name].shape)}")
        elif not weight.is_floating_point():
            faults.append(f"{name} holds no floating-point numbers")
        elif not weight.float().isfinite().all():
            faults.append(f"the values of {name} are not all finite")
    return faults
