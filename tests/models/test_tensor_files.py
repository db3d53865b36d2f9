"""Safetensors files that are written without a copy of the tensors."""

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from ftcore.models import tensor_files
from ftcore.storage import files


def test_a_file_has_the_tensors_and_the_metadata(tmp_path):
    numbers = torch.arange(12).view(3, 4)
    tensors = {
        "random": torch.get_rng_state()[:5],
        "step": torch.tensor(3.0),
        "transposed": numbers.t(),
        "half": numbers.half(),
        "bf16": numbers.bfloat16()[:, 1],
        "empty": torch.zeros(0, 4),
    }
    files.write(tmp_path / "file", *tensor_files.encode(tensors, {"state": "é"}))
    loaded = load_file(tmp_path / "file")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].equal(tensor) and loaded[name].dtype == tensor.dtype
    with safe_open(tmp_path / "file", "pt") as file:
        assert file.metadata() == {"state": "é"}


def test_nothing_is_copied():
    weight = torch.zeros(3)
    [_, content] = tensor_files.encode({"weight": weight})
    weight.fill_(1)
    assert content == torch.ones(3).numpy().tobytes()
