"""The lesson's loop, rewritten from its description with its faults (docs/lesson.md explains them).

Every fault is deliberate: texts tokenized again in each epoch, random batches padded to their longest
text with the id of <unk>, no mask, attention across the reviews of a batch, ids two off their vectors,
SGD at a rate of 1, gradients clipped to 0.1, a value read from the device at every step.
"""

import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Subset, random_split
from torchtext.data.utils import get_tokenizer

from benchmarks.harness.throughput import Loop, TimedSteps
from ftcore import devices
from ftcore.models.lesson_model import LessonClassifier, sinusoids

BATCH = 32
VECTORS = 40_000  # two special tokens, which have none, come on top

Example = tuple[int, str]  # label, text
Batches = DataLoader[tuple[Tensor, Tensor]]  # labels, and ids [batch, longest]


class Notebook:
    """The lesson's notebook, with the body of a checkpoint in place of its own."""

    def __init__(self, root: Path, vocabulary: list[str], pretrained: LessonClassifier) -> None:
        self.pretrained = pretrained
        self.device = devices.pick()
        self.train = split(root)
        words, self.vectors = lookup_table(vocabulary, pretrained.embedding.weight.detach().cpu())
        # <unk> and <pad> stand before the words here, but not in the vectors.
        self.ids = {word: rank for rank, word in enumerate(("<unk>", "<pad>", *words))}
        self.tokenizer = get_tokenizer("basic_english")

    def train_forever(self, last_layer: bool = False) -> Loop:
        """Its training, epoch after epoch."""
        return train(self.classifier(last_layer), self.batches(self.train))

    def classifier(self, last_layer: bool) -> "LessonClassifier":
        """The pretrained body; with `last_layer` it is frozen under a new head."""
        spec = self.pretrained.spec
        model = LessonClassifier(self.vectors, 2, spec.heads, spec.feedforward, spec.layers)
        model.transformer_encoder.load_state_dict(self.pretrained.transformer_encoder.state_dict())
        if last_layer:
            model.requires_grad_(False)
            model.classifier = nn.Linear(spec.dim, 2)
        return model.to(self.device)

    def encode(self, text: str) -> list[int]:
        """Text to ids."""
        return [self.ids.get(token, 0) for token in self.tokenizer(text)]

    def batches(self, examples: Subset[Example]) -> Batches:
        """Shuffled batches of labels and padded ids, tokenized when they are drawn."""

        def collate(batch: list[Example]) -> tuple[Tensor, Tensor]:
            labels = torch.tensor([label for label, _ in batch])
            ids = [torch.tensor(self.encode(text), dtype=torch.int64) for _, text in batch]
            return labels.to(self.device), pad_sequence(ids, batch_first=True).to(self.device)

        return DataLoader(examples, batch_size=BATCH, shuffle=True, collate_fn=collate)  # type: ignore


class LessonClassifier(nn.Module):
    """Word vectors, positions, an encoder without batch_first, the mean over all places, a head."""

    def __init__(self, vectors: Tensor, classes: int, heads: int, feedforward: int, layers: int):
        super().__init__()
        dim = vectors.shape[1]
        self.emb = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(4096, dim))
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(dim, heads, feedforward, dropout=0.1)
        # Nested tensors would need batch_first; PyTorch would warn and leave them off.
        self.transformer_encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(dim, classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids [batch, longest], padding included → scores [batch, classes]."""
        x = self.emb(ids) * math.sqrt(self.emb.embedding_dim)
        x = self.dropout(x + self.positions[: x.shape[1]])
        return self.classifier(self.transformer_encoder(x).mean(dim=1))


def lookup_table(vocabulary: list[str], vectors: Tensor) -> tuple[list[str], Tensor]:
    """As many words and vectors as the lesson has: a checkpoint's without its special tokens, then others.

    The last two words point past the last vector, which ends the lesson's program if a text has one;
    the words added here occur in no text.
    """
    missing = max(2, VECTORS + 2 - len(vocabulary))
    words = [*vocabulary[2:], *(f"<no word {number}>" for number in range(missing))]
    return words, torch.cat([vectors[2:], torch.randn(missing, vectors.shape[1])])


def split(root: Path) -> Subset[Example]:
    """The training reviews. Each file is read once, as by `to_map_style_dataset`."""
    examples = [
        (label, file.read_text("utf-8"))
        for label, name in enumerate(("neg", "pos"))
        for file in sorted((root / "train" / name).iterdir())
    ]
    return random_split(examples, [0.95, 0.05], torch.Generator().manual_seed(0))[0]  # type: ignore


def train(model: LessonClassifier, batches: Batches) -> Loop:
    """The training loop, epoch after epoch, without its validation; one step at a time."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    cumulated = 0.0
    while True:
        model.train()
        clock = time.perf_counter()
        for labels, ids in batches:
            optimizer.zero_grad()
            loss = criterion(model(ids), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            cumulated += loss.item()
            yield TimedSteps(time.perf_counter() - clock, len(labels))
            clock = time.perf_counter()
