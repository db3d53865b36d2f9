"""A small model on the Hub of the tests, and its download."""

from pathlib import Path

import numpy as np
from huggingface_hub import constants
from safetensors.numpy import save

from ftcore.events import drain
from ftcore.models import hub

NAME = "someone/tiny-bert"
TOKEN = "hf_secretsecretsecret"
README = "---\nlicense: apache-2.0\nlanguage:\n- en\n---\nA model.\n"
WEIGHTS = np.random.default_rng(0).standard_normal((600, 500), dtype="float32")  # 1.2 MB
NEEDED = [
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "tokenizer_config.json",
    "README.md",
    "model.safetensors",
]
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": save({"embeddings": WEIGHTS}),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"do_lower_case": true}',
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "README.md": README.encode(),
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
    "onnx/model.onnx": b"onnx",
    "model.fp16.safetensors": b"other weights",
}


def fetch(name=NAME, revision="", **options):
    """Return the folder of a model and the events of its download."""
    events = []
    return drain(hub.fetch(hub.describe(name, revision, **options)), events.append), events


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parts():
    return list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))
