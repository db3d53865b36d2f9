"""Small checkpoints, recorded runs and a small dataset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import ag_news, datasets, imdb
from ftcore.events import Evaluation, Facts, Finished, Progress, Started, Status, Step
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.lesson_model import LessonClassifier
from ftcore.models.spec import LessonSpec
from ftcore.runs.checks import check_config
from ftcore.runs.scheduler import scheduler
from ftcore.text.truncation import Truncation
from ftcore.text.word_rules import CURRENT, WordRule
from ftcore.text.words import WordTokenizer

WORDS = ["<unk>", "<pad>", "the", "film", "is", "good", "bad", "not", ".", ","]

FACTS: Facts = {"steps": 8, "steps_per_epoch": 4, "train_texts": 512, "trainable_parameters": 18}
FACTS |= {
    "train_classes": 2,
    "device": "cpu",
    "precision": "fp32",
    "labels": ["negative", "positive"],
}
FACTS |= {"dataset_fingerprint": "tiny", "tokenizer": CURRENT.name}


def checkpoint(
    path: Path,
    ref: str,
    labels: tuple[str, ...] = ag_news.LABELS,
    dataset: str = "ag_news",
    parent: Checkpoint | None = None,
    seed: int = 0,
    rule: WordRule = CURRENT,
    **more: Any,
) -> Checkpoint:
    """Save a model of a few hundred random weights; it shares the word vectors of its parent, if any."""
    torch.manual_seed(seed)
    vectors = torch.randn(len(WORDS), 8).half()
    if parent is not None:
        vectors = checkpoint_files.load_model(parent, beside=True).embedding.weight.detach()
    model = LessonClassifier(LessonSpec(len(WORDS), 8, len(labels), 2, 2, 8), vectors)
    if parent is not None:
        model.embedding.weight.requires_grad_(False)
    more = {"title": ref.capitalize(), "truncation": Truncation(16)} | more
    more |= {"ref": ref, "labels": labels, "dataset": dataset, "parent": parent}
    checkpoint_files.save(model, path, tokenizer=WordTokenizer(rule, WORDS), **more)
    return checkpoints.find(ref)


def run(
    status: Status | str = "finished", saved: bool = True, experiment: str = "", **values: Any
) -> str:
    """Record a run with a few points; with `saved` also its checkpoint, a child of `starter`."""
    config = FineTuneConfig(**{"checkpoint": "starter"} | values)
    run_id = tracking.create_run(config, experiment, experiment.title())
    if status == "queued":
        return run_id
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started(FACTS))
        recorder.write(Evaluation("val", 0, 0.0, 0.0, 0, 0.7, 0.5))
        recorder.write(Step(4, 0.5, 2.0, 128, 0.6, 0.7, 0.001))
        recorder.write(Evaluation("val", 4, 0.5, 2.0, 128, 0.5, 0.75))
        recorder.write(Progress("training", 4, 8, "steps"))
        if status != "running":
            metrics = {"seconds": 75.0, "val_accuracy": 0.75, "test_accuracy": 0.66}
            recorder.write(Finished(status, "That was it.", metrics))  # type: ignore[arg-type]
    if saved:
        checkpoint(
            checkpoints.run_path(run_id),
            run_id,
            imdb.LABELS,
            config.dataset,
            checkpoints.find(config.checkpoint),
            seed=len(run_id) + config.seed,
            title=config.name or run_id,
            metrics={"val_accuracy": 0.75, "best_step": 4.0},
            origin={"run": run_id, "config": config.to_dict()},
        )
    return run_id


def hold_experiments(patch: pytest.MonkeyPatch) -> None:
    """Record the runs of submitted experiments, but never start them."""

    def submit_all(configs: Sequence[FineTuneConfig], *experiment: str) -> list[str]:
        for config in configs:
            check_config(config)
        return [tracking.create_run(config, *experiment[:2]) for config in configs]

    patch.setattr(scheduler, "submit_all", submit_all)


def bundled(folder: Path) -> None:
    """Save small bundled checkpoints; point BUNDLED_CHECKPOINTS to the folder first."""
    starter = checkpoint(folder / "starter", "starter", metrics={"test_accuracy": 0.91})
    more = {"metrics": {"test_accuracy": 0.87}, "origin": {"config": {"mode": "full"}}}
    checkpoint(folder / "sentiment", "sentiment", imdb.LABELS, "imdb", starter, seed=1, **more)


TEXTS = ["the film is good", "the film is bad", "not bad, the film is good", "not good. bad film"]


def small_sample(patch: pytest.MonkeyPatch) -> datasets.TextDataset:
    """Save a checkpoint `base` and replace the sample by 200 short texts, which are returned."""
    checkpoint(paths.checkpoints_dir() / "base", "base")
    train, test = (datasets.Texts(TEXTS * n, [1, 0, 1, 0] * n) for n in (50, 1))
    about = ("this test", True, "0123456789abcdef")
    dataset = datasets.TextDataset("sample", "Made up", imdb.LABELS, train, test, *about)

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 200, 200, "texts")
        return dataset

    patch.setattr(datasets, "load", load)
    return dataset


def config(**values: object) -> FineTuneConfig:
    """Settings of a run on the small sample that takes a second or less."""
    small = {"checkpoint": "base", "epochs": 3, "batch_size": 16, "max_length": 16, "device": "cpu"}
    small |= {"learning_rate": 0.02, "train_embeddings": False, "word_dropout": 0.1}
    return FineTuneConfig.from_dict(small | values)
