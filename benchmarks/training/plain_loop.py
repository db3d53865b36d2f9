"""A corrected training loop without optimizations.

Reviews are tokenized once and cut to the same length as Unfreeze's; attention runs along each text,
padding is masked, the features are the mean over the words; AdamW in fp32; PyTorch's own encoder with
dropout everywhere, attention included.
"""

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.throughput import Loop, TimedSteps
from ftcore.models.lesson_model import LessonClassifier, sinusoids
from ftcore.text.batches import PAD
from ftcore.training.preparation import TrainingSetup


class PlainClassifier(nn.Module):
    """Ids [batch, longest] → scores [batch, classes]."""

    def __init__(self, pretrained: LessonClassifier) -> None:
        super().__init__()
        spec = pretrained.spec
        self.embedding = nn.Embedding.from_pretrained(pretrained.embedding.weight.detach().clone())
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(4096, spec.dim))
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(
            spec.dim, spec.heads, spec.feedforward, dropout=0.1, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, spec.layers)
        self.encoder.load_state_dict(pretrained.transformer_encoder.state_dict())
        self.classifier = nn.Linear(spec.dim, spec.classes)

    def forward(self, ids: Tensor) -> Tensor:
        padding = ids == PAD
        x = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        x = self.dropout(x + self.positions[: x.shape[1]])
        x = self.encoder(x, src_key_padding_mask=padding)
        words = ~padding[..., None]
        return self.classifier((x * words).sum(1) / words.sum(1))


def train(run: TrainingSetup) -> Loop:
    """Random batches padded to their longest text, epoch after epoch."""
    model = PlainClassifier(run.model).to(run.device)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=run.config.learning_rate
    )
    model.train()
    while True:
        order = run.train_rows[torch.randperm(len(run.train_rows))]
        for rows in order.split(run.config.batch_size):
            clock = time.perf_counter()
            rows = rows.to(run.device)
            ids, _ = run.train.batch(rows, run.config.truncation)
            loss = F.cross_entropy(model(ids), run.train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()
            yield TimedSteps(time.perf_counter() - clock, len(rows))
