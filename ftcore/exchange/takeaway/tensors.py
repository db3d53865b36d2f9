"""The weights of several models in packed form: a tensor that two of them share is kept once.

A model's graph names its tensors as external data, by the hash of their values. A packing is undone by
`unpack.js`: `rows`, 8-bit integers with a scale for each row; `half`, values that half precision holds
exactly; `float`, exact otherwise; `plain`, bytes as they are.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, external_data_helper, numpy_helper

from ftcore.exchange.takeaway.export import Precision

_INLINE = 1024  # values; a smaller tensor stays in its graph
LARGEST = 63
"""Of the integers in a row: with 7 bits of 8, gzip saves another eighth (docs/decisions.md)."""


@dataclass(frozen=True)
class Packed:
    """A tensor in a page."""

    packing: str
    columns: int
    """Of a matrix; 0 of other tensors."""
    content: bytes


@dataclass
class TensorStore:
    """Tensors by the hash of their values."""

    precision: Precision
    tensors: dict[str, Packed] = field(default_factory=dict)

    def take(self, model: ModelProto) -> list[str]:
        """Move the large tensors of a model here, and return their names, in the graph's order."""
        names = []
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.size < _INLINE:
                continue
            kind = f"{values.dtype} {values.shape} ".encode()
            name = hashlib.sha256(kind + values.tobytes()).hexdigest()[:16]
            if name not in self.tensors:
                self.tensors[name] = pack(values, self.precision)
            tensor.raw_data = values.tobytes()  # the helper refuses tensors of other fields
            external_data_helper.set_external_data(tensor, name)
            tensor.ClearField("raw_data")
            names.append(name)
        return list(dict.fromkeys(names))

    def joined(self) -> tuple[bytes, dict[str, dict[str, int | str]]]:
        """All tensors one after the other, and of each where it lies and what undoes its packing."""
        places: dict[str, dict[str, int | str]] = {}
        start = 0
        for name, tensor in self.tensors.items():
            size = len(tensor.content)
            places[name] = {
                "packing": tensor.packing,
                "columns": tensor.columns,
                "start": start,
                "bytes": size,
            }
            start += size
        return b"".join(tensor.content for tensor in self.tensors.values()), places


def pack(values: np.ndarray, precision: Precision) -> Packed:
    """Pack a tensor; with precision `int8`, the matrices of weights are rounded."""
    columns = values.shape[1] if values.ndim == 2 else 0
    if values.dtype != np.float32:
        return Packed("plain", columns, values.tobytes())
    if precision == "int8" and columns:
        return Packed("rows", columns, _rounded(values))
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if np.array_equal(half.astype(np.float32), values):
        return Packed("half", columns, _planes(half))
    return Packed("float", columns, _planes(values))


def _rounded(values: np.ndarray) -> bytes:
    scales = np.abs(values).max(1) / np.float32(LARGEST)
    divisors = np.where(scales == 0, np.float32(1), scales)
    integers = np.rint(values / divisors[:, None]).astype(np.int8)
    return scales.astype("<f4").tobytes() + integers.tobytes()


def _planes(values: np.ndarray) -> bytes:
    """The first bytes of all values, then the second ones, and so on."""
    ordered = values.astype(values.dtype.newbyteorder("<")).reshape(-1)
    return ordered.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
