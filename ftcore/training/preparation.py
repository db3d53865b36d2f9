"""What a run works with: data, words and a model, ready on its device."""

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ftcore import devices
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.data import datasets
from ftcore.events import Evaluation, Task, drain
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import TextClassifier
from ftcore.models.spec import ModelSpec
from ftcore.text import vocabulary, word_vectors
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH
from ftcore.training import encoding, strategies


@dataclass
class Run:
    """One run: what it works with, and how far it is."""

    config: FineTuneConfig
    output: Path
    ref: str
    model: TextClassifier
    parent: Checkpoint | None
    vocabulary: list[str]
    dataset: datasets.TextDataset
    split: str
    train: Tokens
    test: Tokens
    train_rows: Tensor
    val_rows: Tensor
    device: torch.device
    number_format: str
    notes: list[str]
    initial: dict[str, Tensor]  # the weights that train, as they are at step 0, by name
    watched: Tokens | None = None  # sentences whose answers one follows while the run trains
    step: int = 0
    examples: int = 0
    train_seconds: float = 0.0
    best: Evaluation | None = None
    began: float = field(default_factory=time.perf_counter)
    parts: int = 1  # that a batch is cut into, where it does not fit into memory whole
    metrics: dict[str, float] = field(default_factory=dict)  # what making text vectors took

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.train_rows) / self.config.batch_size)


def prepare(config: FineTuneConfig, output: Path, ref: str) -> Task[Run]:
    """Data, words and model of a run, ready on its device."""
    device = devices.pick(config.device)
    parent = None if config.checkpoint == NEW_MODEL else checkpoints.find(config.checkpoint)
    dataset = yield from datasets.load(config.dataset, config.source)
    train_rows, val_rows = datasets.split(len(dataset.train.texts), config.seed, config.limit)
    notes = []
    if dataset.synthetic:
        notes.append("The sample is synthetic, built to show the difference between the modes.")
    if config.limit > len(train_rows):
        notes.append(f"There are {len(train_rows):,} training texts, so all of them are used.")
    torch.manual_seed(config.seed)
    if parent is None:
        model, vocab = yield from _new_model(config, len(dataset.labels))
    else:
        vocab = checkpoint_files.load_vocabulary(parent)
        model = checkpoint_files.load_model(parent, config.dropout, config.word_dropout)
        if config.mode == "scratch":
            shape = replace(parent.model, classes=len(dataset.labels))
            vectors = model.embedding.weight
            model = TextClassifier(shape, vectors, config.dropout, config.word_dropout)
            notes.append(
                "Only the word vectors are the checkpoint's; body and last layer start random. It "
                "shows what the pretrained body is worth."
            )
        elif parent.labels != dataset.labels:
            model.replace_head(len(dataset.labels))
            notes.append(
                f"The last layer is new: the checkpoint told {len(parent.labels)} classes apart, "
                f"this task has {len(dataset.labels)}."
            )
    model.to(device)
    train_tokens, test_tokens = yield from encoding.encode(dataset, vocab)
    return Run(
        config,
        output,
        ref,
        model,
        parent,
        list(vocab.itos),
        dataset,
        datasets.split_fingerprint(dataset, train_rows, val_rows),
        train_tokens.to(device),
        test_tokens.to(device),
        torch.tensor(train_rows),
        torch.tensor(val_rows),
        device,
        devices.precision(config.precision, device),
        notes,
        initial={
            name: weight.detach().clone()
            for name, weight in strategies.trained_weights(model, config).items()
        },
        watched=_sentences(config, vocab, device),
    )


def facts(run: Run) -> dict[str, str | int | float]:
    """What a run is about, for its record."""
    return {
        "dataset_fingerprint": run.dataset.fingerprint,
        "split_fingerprint": run.split,
        "data_from": run.dataset.source,
        "labels": ", ".join(run.dataset.labels),
        "train_texts": len(run.train_rows),
        "val_texts": len(run.val_rows),
        "test_texts": len(run.test),
        "steps_per_epoch": run.steps_per_epoch,
        "steps": run.steps_per_epoch * run.config.epochs,
        "parameters": run.model.spec.parameters,
        "trainable_parameters": strategies.trainable_parameters(run.config, run.model.spec),
        "trains": strategies.describe(run.config, run.model.spec),
        "device": run.device.type,
        "precision": run.number_format,
        "torch": str(torch.__version__),
    }


def save(run: Run, evaluation: Evaluation) -> None:
    """Leave the weights as they are now in the run's checkpoint."""
    origin: dict[str, Any] = {"run": run.ref, "config": run.config.to_dict(), **facts(run)}
    if run.parent is not None:
        origin["source_checkpoint"] = run.parent.title
    checkpoint_files.save(
        run.model,
        run.output,
        ref=run.ref,
        title=run.config.name or run.ref,
        labels=run.dataset.labels,
        vocabulary=run.vocabulary,
        truncation=run.config.truncation,
        dataset=run.dataset.name,
        parent=run.parent,
        metrics={"val_accuracy": evaluation.accuracy, "best_step": float(evaluation.step)},
        origin=origin,
    )


def _sentences(
    config: FineTuneConfig, vocab: vocabulary.Vocab, device: torch.device
) -> Tokens | None:
    """The watched sentences as tokens; their labels mean nothing."""
    if not config.watched:
        return None
    ids, offsets = drain(vocabulary.encode(config.watched, vocab, MAX_LENGTH))
    return Tokens.pack(ids, offsets, [0] * len(config.watched)).to(device)


def _new_model(
    config: FineTuneConfig, classes: int
) -> Task[tuple[TextClassifier, vocabulary.Vocab]]:
    """Random layers over word vectors; the two special tokens get a vector each, as every word has."""
    path = (
        Path(config.vectors)
        if config.vectors
        else (yield from word_vectors.fetch_glove(config.words))
    )
    words, vectors = yield from word_vectors.load_vectors(path, config.words)
    vocab = vocabulary.vocab_from_tokens([*vocabulary.SPECIALS, *words])
    # <unk> is the mean of all words; <pad> is masked everywhere, so its vector never counts.
    specials = torch.stack([vectors.mean(0), torch.zeros(vectors.shape[1])])
    rounded = torch.cat([specials, vectors]).half()  # stored in half, so trained with just that
    shape = ModelSpec(
        len(rounded), vectors.shape[1], classes, config.heads, config.layers, config.feedforward
    )
    return TextClassifier(shape, rounded, config.dropout, config.word_dropout), vocab
