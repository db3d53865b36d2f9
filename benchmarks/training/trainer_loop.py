"""Hugging Face's Trainer around the plain loop's model, grouping reviews by length."""

import itertools
import tempfile
import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.harness.throughput import Loop, TimedSteps
from benchmarks.training.plain_loop import PlainClassifier
from ftcore.text.batches import PAD
from ftcore.training.preparation import TrainingSetup

MEGABATCH = 50  # batches that the Trainer sorts by length together


class TrainerModel(PlainClassifier):
    """The interface that the Trainer expects: inputs by name, the loss beside the scores."""

    def forward(self, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        scores = super().forward(input_ids)
        return {"loss": F.cross_entropy(scores.float(), labels), "logits": scores}


def train(run: TrainingSetup, precision: str) -> Loop:
    """Megabatches of 50 steps, which the Trainer orders from the longest batch to the shortest."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):
        """The times at which steps ended."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, *args: object, **kwargs: object) -> None:
            self.times.append(time.perf_counter())

    model = TrainerModel(run.model)
    examples = _examples(run)
    with tempfile.TemporaryDirectory() as folder:
        for seed in itertools.count():
            clock = Clock()
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=MEGABATCH + 1,
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
                data_collator=_collate,
                callbacks=[clock],
            ).train()
            yield TimedSteps(clock.times[-1] - clock.times[0], MEGABATCH * run.config.batch_size)


def _examples(run: TrainingSetup) -> list[dict[str, Any]]:
    lengths = run.train.lengths(run.config.truncation)
    starts = run.train.offsets
    return [
        {
            "input_ids": run.train.ids[starts[row] : starts[row] + lengths[row]].long().cpu(),
            "labels": int(run.train.labels[row]),
        }
        for row in run.train_rows.tolist()
    ]


def _collate(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
    ids = [example["input_ids"] for example in batch]
    return {
        "input_ids": nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=PAD),
        "labels": torch.tensor([example["labels"] for example in batch]),
    }
