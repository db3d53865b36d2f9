"""The lesson's model file, a .pth: read without running code, and checked against the lesson's model."""

import re
import warnings
from pathlib import Path

import torch
from torch import Tensor

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.models.classifier import TextClassifier, sinusoids, unfilled
from ftcore.models.spec import ModelSpec
from ftcore.text.truncation import MAX_LENGTH

EMBEDDING, POSITIONS = "emb.weight", "pos_encoder.pe"
_MATRICES = (EMBEDDING, "classifier.weight", "transformer_encoder.layers.0.linear1.weight")
_EXPECTED = "give the file that torch.save wrote of the model's state_dict()."

# What torch prints on stderr about a file that it then refuses.
for _message in ("Detected pickle protocol", "'torch.load' received a zip file"):
    warnings.filterwarnings("ignore", _message)


def read_weights(path: Path) -> Task[dict[str, Tensor]]:
    """Return the tensors of a .pth by name. Nothing in the file is run. Raises UnfreezeError."""
    try:
        size = path.stat().st_size
        yield Progress("reading", 0, size, "bytes")
        if validation.is_zip_bomb(path):
            raise UnfreezeError(f"{path.name} unpacks to far more than its size: {_EXPECTED}")
        validation.check_zip_checksums(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except UnfreezeError:
        raise
    except OSError as error:
        name = validation.printable(str(path))
        raise UnfreezeError(f"{name} cannot be read ({error.strerror}): correct it.") from error
    except Exception as error:  # torch raises many kinds of errors for a damaged file
        if type(error).__name__ == "UnpicklingError":  # by name: no module here imports pickle
            raise UnfreezeError(
                f"{path.name} was refused, and nothing in it was run: it holds something else than "
                f"plain weights, such as code; {_EXPECTED}"
            ) from error
        raise UnfreezeError(
            f"{path.name} is no file of torch weights, is damaged, or is cut short: "
            f"fetch it again, or {_EXPECTED}"
        ) from error
    yield Progress("reading", size, size, "bytes")
    if not isinstance(weights, dict) or not weights:
        raise UnfreezeError(f"{path.name} holds no weights by name: {_EXPECTED}")
    if others := [str(name) for name, value in weights.items() if not _is_weight(value)]:
        raise UnfreezeError(
            f"{path.name} holds other things than weights ({', '.join(others)}): {_EXPECTED}"
        )
    return {str(name): weight for name, weight in weights.items()}


def model_spec(path: Path, weights: dict[str, Tensor], heads: int) -> ModelSpec:
    """Return the sizes of the model. Raises UnfreezeError, naming every weight that does not fit."""
    layers = {match[1] for name in weights if (match := re.match(r"\D+\.layers\.(\d+)\.", name))}
    spec = ModelSpec(1, 1, 1, 1, max(1, len(layers)), 1)
    names = [*_shapes(spec), POSITIONS]
    faults = [f"{name} is missing" for name in names if name not in weights]
    faults += [f"{name} does not belong there" for name in weights if name not in names]
    matrices = [weights[name] for name in _MATRICES if name in weights]
    if len(matrices) == len(_MATRICES) and all(matrix.dim() == 2 for matrix in matrices):
        (rows, dim), (classes, _), (feedforward, _) = (matrix.shape for matrix in matrices)
        spec = ModelSpec(rows, dim, classes, heads, spec.layers, feedforward)
        faults += _shape_faults(weights, spec)
    else:
        dims = {name: weights[name].dim() for name in _MATRICES if name in weights}
        faults += [f"{name} is no matrix" for name, dim in dims.items() if dim != 2]
    if faults:
        raise UnfreezeError(f"{path.name} is not the lesson's model: {', '.join(faults)}.")
    return spec


def build_model(path: Path, weights: dict[str, Tensor], spec: ModelSpec) -> TextClassifier:
    """Return the model in eval mode. Raises UnfreezeError if a weight is not finite."""
    model = unfilled(spec)
    state = {name: weights[_lesson_name(name)] for name in model.state_dict()}
    if broken := [name for name, weight in state.items() if not weight.isfinite().all()]:
        raise UnfreezeError(
            f"{path.name} holds values that are no numbers in {', '.join(broken)}: give another."
        )
    model.load_state_dict(state)
    return model.eval()


def _is_weight(value: object) -> bool:
    """Whether it is a dense tensor of floating-point numbers with memory for each of them."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and value.is_contiguous()
    )


def _shapes(spec: ModelSpec) -> dict[str, list[int]]:
    """Return the shapes of the lesson's model by its names of weights, POSITIONS excluded."""
    with torch.device("meta"):  # shapes without memory
        state = TextClassifier(spec).state_dict()
    return {_lesson_name(name): list(weight.shape) for name, weight in state.items()}


def _shape_faults(weights: dict[str, Tensor], spec: ModelSpec) -> list[str]:
    faults = [
        f"{name} is {list(weights[name].shape)} instead of {shape}"
        for name, shape in _shapes(spec).items()
        if name in weights and list(weights[name].shape) != shape
    ]
    if POSITIONS in weights:
        positions = weights[POSITIONS].squeeze()  # [places, dim], with a batch axis somewhere
        if positions.dim() != 2 or positions.shape[1] != spec.dim:
            shape = list(weights[POSITIONS].shape)
            return [*faults, f"{POSITIONS} is {shape} instead of [1, places, {spec.dim}]"]
        positions = positions[:MAX_LENGTH].float()
        if not positions.allclose(sinusoids(*positions.shape), rtol=0, atol=0.01):
            faults.append(f"{POSITIONS} holds other positions than the sinusoidal ones")
    return faults


def _lesson_name(name: str) -> str:
    return EMBEDDING if name == "embedding.weight" else name
