"""The lesson's model file, a .pth: read without running code, and checked against the lesson's model."""

import re
import warnings
from pathlib import Path

import torch
from torch import Tensor

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.models.classifier import TextClassifier, sinusoids, unfilled, weight_faults
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
    """Return the sizes of the model. Raises UnfreezeError, naming the weights that do not fit."""
    faults = [
        f"{name} is missing or no matrix"
        for name in _MATRICES
        if name not in weights or weights[name].dim() != 2
    ]
    _refuse(path, faults)
    (rows, dim), (classes, _), (feedforward, _) = (weights[name].shape for name in _MATRICES)
    layers = {match[1] for name in weights if (match := re.match(r"\D+\.layers\.(\d+)\.", name))}
    spec = ModelSpec(rows, dim, classes, heads, len(layers), feedforward)
    _refuse(path, weight_faults(spec, _renamed(weights)))
    positions = weights.get(POSITIONS, torch.empty(0)).squeeze()  # [places, dim]
    if positions.dim() != 2 or positions.shape[1] != dim:
        _refuse(path, [f"{POSITIONS} is missing or not of the shape [1, places, {dim}]"])
    positions = positions[:MAX_LENGTH].float()
    if not positions.allclose(sinusoids(*positions.shape), rtol=0, atol=0.01):
        _refuse(path, [f"{POSITIONS} holds other positions than the sinusoidal ones"])
    return spec


def build_model(path: Path, weights: dict[str, Tensor], spec: ModelSpec) -> TextClassifier:
    """Return the model in eval mode. Raises UnfreezeError if a weight does not fit."""
    state = _renamed(weights)
    _refuse(path, weight_faults(spec, state))
    model = unfilled(spec)
    model.load_state_dict(state)
    return model.eval()


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with our names, POSITIONS excluded."""
    return {
        "embedding.weight" if name == EMBEDDING else name: weight
        for name, weight in weights.items()
        if name != POSITIONS
    }


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        text = validation.printable(", ".join(faults))
        raise UnfreezeError(f"{path.name} is not the lesson's model: {text}.")


def _is_weight(value: object) -> bool:
    """Whether it is a dense tensor of floating-point numbers with memory for each of them."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and value.is_contiguous()
    )
