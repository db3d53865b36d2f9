"""The lesson's model, made small, and the files that its import needs."""

import math
import os
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Event, drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.models.checkpoints import Checkpoint
from tests.helpers.dataset_files import csvs

DIM, HEADS, FEEDFORWARD, LAYERS = 16, 2, 24, 2
WORDS = [f"word{number}" for number in range(80)]


class Net(nn.Module):
    """The lesson's model, layer by layer; its encoder lacks batch_first."""

    def __init__(self, vectors: Tensor, classes: int = 4) -> None:
        super().__init__()
        rows, dim = vectors.shape
        self.emb = nn.Embedding.from_pretrained(vectors, freeze=True)
        rates = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(10000.0) / dim))
        angles = torch.arange(rows + 2)[:, None] * rates
        self.positions = torch.stack([angles.sin(), angles.cos()], 2).reshape(1, rows + 2, dim)
        self.pos_encoder = nn.Module()
        self.pos_encoder.register_buffer("pe", self.positions)
        layer = nn.TransformerEncoderLayer(dim, HEADS, FEEDFORWARD, 0.1, "relu")
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.classifier = nn.Linear(dim, classes)

    def scores(self, ids: list[int]) -> Tensor:
        """Scores of a text read alone, its words along the axis on which the encoder attends."""
        x = self.emb(torch.tensor(ids)) * math.sqrt(self.emb.embedding_dim)
        x = (x + self.positions[0, : len(ids)])[:, None]
        return self.classifier(self.transformer_encoder(x).mean(0))[0]


def glove(words: int = 80, dim: int = DIM, seed: int = 1) -> Tensor:
    """Vectors with a common mean, like GloVe's, and exact in half precision."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(words, dim, generator=generator) + 2).half().float()


def glove_file(path: Path, vectors: Tensor) -> Path:
    rows = zip(WORDS, vectors.tolist(), strict=False)
    path.write_text("".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in rows))
    return path


def net(first_row: int = 0, classes: int = 4, vectors: Tensor | None = None) -> Net:
    """Random weights, biases and norms too, so that no two weights are equal."""
    torch.manual_seed(0)
    vectors = glove() if vectors is None else vectors
    specials = torch.randn(first_row, vectors.shape[1]).half().float()
    model = Net(torch.cat([specials, vectors]), classes)
    for name, weight in model.named_parameters():
        if not name.startswith("emb"):
            nn.init.normal_(weight, std=0.4)
    return model.eval()


def news(path: Path, texts: int = 60) -> Path:
    """AG News in its publisher's layout, with random words, one of them unknown to the model."""
    rng = random.Random(0)
    words = [*WORDS, "unheard"]
    rows = [
        (str(row % 4 + 1), *(" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(2)))
        for row in range(texts)
    ]
    return csvs(path, rows)


class Lesson:
    """A model file, its vectors and AG News, which `run` imports."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "model_AG News small1.pth"
        self.vectors = glove_file(folder / "glove.txt", glove())
        self.news = news(folder / "ag_news_csv")
        self.events: list[Event] = []

    def save(self, content: Any, **options: Any) -> "Lesson":
        state = content.state_dict() if isinstance(content, Net) else content
        torch.save(state, self.file, **options)
        return self

    def run(self, **options: Any) -> Checkpoint:
        options = {"ag_news_source": str(self.news)} | options
        return drain(import_lesson(self.file, self.vectors, **options), self.events.append)

    def refusal(self, **options: Any) -> str:
        """The message with which the import fails, leaving nothing behind."""
        with pytest.raises(UnfreezeError) as caught:
            self.run(**options)
        message = str(caught.value)
        assert message.endswith(".") and "\n" not in message and "weights_only" not in message
        assert imported() == []
        return message


def imported() -> list[str]:
    """Everything in the folder of imported checkpoints."""
    folder = paths.checkpoints_dir()
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)
