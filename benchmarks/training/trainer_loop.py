"""Hugging Face's Trainer around a model, grouping reviews by length."""

import itertools
import tempfile
import time
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.throughput import Loop, TimedSteps
from benchmarks.training.plain_loop import PlainClassifier
from ftcore.training.preparation import TrainingSetup

MEGABATCH = 50  # batches that the Trainer sorts by length together


class TrainerModel(PlainClassifier):
    """The interface that the Trainer expects: inputs by name, the loss beside the scores."""

    def forward(  # type: ignore[override]
        self, input_ids: Tensor, labels: Tensor, **_: Tensor
    ) -> dict[str, Tensor]:
        scores = super().forward(input_ids)
        return {"loss": F.cross_entropy(scores.float(), labels), "logits": scores}


def train(
    run: TrainingSetup, precision: str, model: nn.Module | None = None, steps: int | None = None
) -> Loop:
    """Epochs of `steps` (default: a megabatch of 50), from the longest batch to the shortest.

    The model is the plain loop's unless one is given.
    """
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):
        """The times at which steps ended."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, *args: object, **kwargs: object) -> None:
            self.times.append(time.perf_counter())

    model = TrainerModel(run.model) if model is None else model
    steps = steps or MEGABATCH
    examples = _examples(run)
    with tempfile.TemporaryDirectory() as folder:
        for seed in itertools.count():
            clock = Clock()
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=steps + 1,
                per_device_train_batch_size=run.config.batch_size,
                learning_rate=run.config.learning_rate,
                train_sampling_strategy="group_by_length",
                bf16=precision == "bf16",
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
                data_collator=partial(_collate, run.train.frame.pad),
                callbacks=[clock],
            ).train()
            yield TimedSteps(clock.times[-1] - clock.times[0], steps * run.config.batch_size)


def _examples(run: TrainingSetup) -> list[dict[str, Any]]:
    def ids(row: int) -> Tensor:
        [read], [length] = run.train.batch(torch.tensor([row]), run.config.truncation)
        return read[:length].cpu()

    return [
        {"input_ids": ids(row), "labels": int(run.train.labels[row])}
        for row in run.train_rows.tolist()
    ]


def _collate(pad: int, batch: list[dict[str, Any]]) -> dict[str, Tensor]:
    texts = [example["input_ids"] for example in batch]
    ids = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(text) for text in texts])
    return {
        "input_ids": ids,
        "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
        "labels": torch.tensor([example["labels"] for example in batch]),
    }
