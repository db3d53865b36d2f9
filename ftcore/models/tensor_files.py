"""Content of safetensors files that is written from the memory of the tensors, without a copy."""

import json
import struct
from collections.abc import Mapping

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def encode(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> list[bytes | memoryview]:
    """Return the parts of a file: its header, then the memory of each tensor on the CPU itself.

    `safetensors.torch.save` returns a copy of all of them, which doubles a large model for a moment.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # aligned
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    contents: list[bytes | memoryview] = []
    end = 0
    for name in names:
        tensor = tensors[name].detach().cpu().contiguous()
        start, end = end, end + tensor.nbytes
        shape = list(tensor.shape)
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": shape, "data_offsets": [start, end]}
        contents.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return [struct.pack("<Q", len(encoded)) + encoded, *contents]
