"""A corrected loop as one writes it without any tricks, and Hugging Face's Trainer around the same model.

Tokenized once and cut to the same length as ours; attention along each text, padding masked, the mean
over words; AdamW; PyTorch's own encoder with dropout everywhere, attention included.
"""

import itertools
import math
import tempfile
import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.measure import Side, Stretch
from ftcore.models.classifier import TextClassifier, sinusoids
from ftcore.text.vocabulary import PAD
from ftcore.training.preparation import Run

MEGABATCH = 50  # batches that the Trainer sorts by length together


class Plain(nn.Module):
    """Ids [batch, longest] → scores [batch, classes]."""

    def __init__(self, pretrained: TextClassifier) -> None:
        super().__init__()
        shape = pretrained.shape
        self.embedding = nn.Embedding.from_pretrained(pretrained.embedding.weight.detach().clone())
        self.positions: Tensor
        self.register_buffer("positions", sinusoids(4096, shape.dim))
        self.dropout = nn.Dropout(0.1)
        layer = nn.TransformerEncoderLayer(
            shape.dim, shape.heads, shape.feedforward, dropout=0.1, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, shape.layers)
        self.encoder.load_state_dict(pretrained.transformer_encoder.state_dict())
        self.classifier = nn.Linear(shape.dim, shape.classes)

    def forward(self, ids: Tensor) -> Tensor:
        padding = ids == PAD
        x = self.embedding(ids) * math.sqrt(self.embedding.embedding_dim)
        x = self.dropout(x + self.positions[: x.shape[1]])
        x = self.encoder(x, src_key_padding_mask=padding)
        words = ~padding[..., None]
        return self.classifier((x * words).sum(1) / words.sum(1))


def stretches(run: Run) -> Side:
    """Random batches padded to their longest, in fp32, epoch after epoch; a stretch is a step."""
    net = Plain(run.model).to(run.device)
    optimizer = torch.optim.AdamW(
        [weight for weight in net.parameters() if weight.requires_grad], lr=run.config.learning_rate
    )
    net.train()
    while True:
        order = run.train_rows[torch.randperm(len(run.train_rows))]
        for rows in order.split(run.config.batch_size):
            clock = time.perf_counter()
            rows = rows.to(run.device)
            ids, _ = run.train.batch(rows, run.config.window)
            loss = F.cross_entropy(net(ids), run.train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            loss.item()
            yield Stretch(time.perf_counter() - clock, len(rows))


class ForTrainer(nn.Module):
    """What the Trainer asks of a model: inputs by name, the loss beside the scores."""

    def __init__(self, net: nn.Module, with_lengths: bool) -> None:
        super().__init__()
        self.net = net
        self.with_lengths = with_lengths

    def forward(self, input_ids: Tensor, lengths: Tensor, labels: Tensor) -> dict[str, Tensor]:
        scores = self.net(input_ids, lengths) if self.with_lengths else self.net(input_ids)
        return {"loss": F.cross_entropy(scores.float(), labels), "logits": scores}


def trainer_stretches(run: Run, number_format: str, our_model: bool = False) -> Side:
    """Hugging Face's Trainer, grouping by length.

    It goes through 50 batches from the longest to the shortest, so a stretch is 50 steps.
    """
    from transformers import (
        Trainer,
        TrainerCallback,
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )

    class Clock(TrainerCallback):
        """The times at which steps ended."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(
            self,
            args: TrainingArguments,
            state: TrainerState,
            control: TrainerControl,
            **kwargs: object,
        ) -> None:
            self.times.append(time.perf_counter())

    net = run.model if our_model else Plain(run.model)
    model = ForTrainer(net, with_lengths=our_model)
    lengths = run.train.lengths(run.config.window)
    examples = [
        {
            "input_ids": run.train.ids[start : start + length].long().cpu(),
            "labels": int(run.train.labels[row]),
        }
        for row in run.train_rows.tolist()
        for start, length in [(int(run.train.offsets[row]), int(lengths[row]))]
    ]

    def collate(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
        ids = [example["input_ids"] for example in batch]
        return {
            "input_ids": nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=PAD),
            "lengths": torch.tensor([len(one) for one in ids]),
            "labels": torch.tensor([example["labels"] for example in batch]),
        }

    with tempfile.TemporaryDirectory() as folder:
        for seed in itertools.count():
            clock = Clock()
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=MEGABATCH + 1,
                per_device_train_batch_size=run.config.batch_size,
                learning_rate=run.config.learning_rate,
                train_sampling_strategy="group_by_length",
                bf16=number_format == "bf16",
                use_cpu=run.device.type == "cpu",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                logging_strategy="no",
                seed=seed,
            )
            Trainer(
                model=model,
                args=arguments,
                train_dataset=examples,
                data_collator=collate,
                callbacks=[clock],
            ).train()
            yield Stretch(clock.times[-1] - clock.times[0], MEGABATCH * run.config.batch_size)
