"""The lesson's loop, written anew from its description, faults and all (docs/lesson.md explains them).

Every fault here is meant: texts tokenized again in each epoch, random batches padded to their longest
with the id of <unk>, no mask, attention across the reviews of a batch, ids two off their vectors,
SGD at a rate of 1, gradients clipped to 0.1, a value read from the device at every step.
"""

import itertools
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torchtext.data.utils import get_tokenizer

from benchmarks.harness.measure import Side, Stretch
from ftcore import devices
from ftcore.models.classifier import TextClassifier, sinusoids

BATCH = 32
VECTORS = 40_000  # and two special tokens, which have none

Example = tuple[int, str]
Batches = DataLoader[tuple[Tensor, Tensor]]  # labels, and ids [batch, longest]


class Lesson:
    """The lesson's notebook, with the body of a checkpoint in place of its own."""

    def __init__(self, root: Path, vocabulary: list[str], pretrained: TextClassifier) -> None:
        self.pretrained = pretrained
        self.device = devices.pick()
        self.train, self.valid = split(root)
        words, self.vectors = lookup(vocabulary, pretrained.embedding.weight.detach().cpu())
        self.pipeline = pipeline(words)

    def side(self, last_layer: bool = False) -> Side:
        """Its training, without an end."""
        return stretches(self.net(last_layer), self.batches(self.train))

    def epoch(self) -> tuple[float, float]:
        """One epoch of full training: its seconds, and the accuracy on validation after it."""
        net = self.net(last_layer=False)
        steps = math.ceil(len(self.train) / BATCH)
        seconds = sum(
            step.seconds
            for step in itertools.islice(stretches(net, self.batches(self.train)), steps)
        )
        return seconds, evaluate(net, self.batches(self.valid))

    def net(self, last_layer: bool) -> "Net":
        """The pretrained body; with `last_layer` it is frozen under a new head."""
        shape = self.pretrained.shape
        net = Net(self.vectors, 2, shape.heads, shape.feedforward, shape.layers)
        net.transformer_encoder.load_state_dict(self.pretrained.transformer_encoder.state_dict())
        if last_layer:
            for weight in net.parameters():
                weight.requires_grad = False
            net.classifier = nn.Linear(shape.dim, 2)
        return net.to(self.device)

    def batches(self, examples: Subset[Example]) -> Batches:
        """Its data loader."""
        return loader(examples, self.pipeline, self.device)


class IMDBDataset(Dataset[Example]):
    """Label and text of each file, opened when it is asked for."""

    def __init__(self, root: Path) -> None:
        self.files: list[tuple[int, Path]] = [
            (label, root / "train" / name / file)
            for label, name in enumerate(("neg", "pos"))
            for file in sorted(os.listdir(root / "train" / name))
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Example:
        label, file = self.files[index]
        with open(file, encoding="utf-8") as opened:
            return label, opened.read()


class Net(nn.Module):
    """Word vectors, positions, an encoder without batch_first, the mean over all places, a linear head."""

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


def pipeline(words: list[str]) -> Callable[[str], list[int]]:
    """Text to ids. <unk> and <pad> stand before the words here, but not in the vectors."""
    ids = {word: rank for rank, word in enumerate(("<unk>", "<pad>", *words))}
    tokenizer = get_tokenizer("basic_english")
    return lambda text: [ids.get(token, 0) for token in tokenizer(text)]


def lookup(vocabulary: list[str], vectors: Tensor) -> tuple[list[str], Tensor]:
    """As many words and vectors as the lesson has, those of a checkpoint first, its specials left out.

    The last two words point past the last vector, which ends the lesson's program where a text has
    one; these words stand in no text.
    """
    missing = max(2, VECTORS + 2 - len(vocabulary))
    words = [*vocabulary[2:], *(f"<no word {number}>" for number in range(missing))]
    return words, torch.cat([vectors[2:], torch.randn(missing, vectors.shape[1])])


def split(root: Path, seed: int = 0) -> tuple[Subset[Example], Subset[Example]]:
    """Training and validation part. `to_map_style_dataset` makes a list, so files are read once."""
    examples = list(IMDBDataset(root))  # type: ignore[call-overload]
    train = int(len(examples) * 0.95)
    generator = torch.Generator().manual_seed(seed)
    return tuple(random_split(examples, [train, len(examples) - train], generator))  # type: ignore


def loader(
    examples: Subset[Example], text_pipeline: Callable[[str], list[int]], device: torch.device
) -> Batches:
    """Batches of labels and padded ids, tokenized as they are asked for."""

    def collate(batch: list[Example]) -> tuple[Tensor, Tensor]:
        labels = torch.tensor([label for label, _ in batch])
        ids = [torch.tensor(text_pipeline(text), dtype=torch.int64) for _, text in batch]
        return labels.to(device), pad_sequence(ids, batch_first=True).to(device)

    return DataLoader(examples, batch_size=BATCH, shuffle=True, collate_fn=collate)  # type: ignore


def stretches(net: Net, batches: Batches) -> Side:
    """The training loop, epoch after epoch, without its validation; a stretch is a step."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=1)
    cumulated = 0.0
    while True:
        net.train()
        clock = time.perf_counter()
        for labels, ids in batches:
            optimizer.zero_grad()
            loss = criterion(net(ids), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            optimizer.step()
            cumulated += loss.item()
            yield Stretch(time.perf_counter() - clock, len(labels))
            clock = time.perf_counter()


def evaluate(net: Net, batches: Batches) -> float:
    """Accuracy, in whatever company each review happens to be."""
    net.eval()
    right = count = 0
    with torch.no_grad():
        for labels, ids in batches:
            right += (net(ids).argmax(1) == labels).sum().item()
            count += len(labels)
    return right / count
