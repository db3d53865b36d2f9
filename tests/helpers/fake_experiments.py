"""A whole made-up experiment, rich enough to be drawn; tests/results.py makes its single runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.experiments.result import Result
from ftcore.models.spec import ModelSpec
from ftcore.training import strategies
from tests.helpers import fake_results

LABELS = ("negative", "positive")
SHAPE = ModelSpec(29_482, 100, len(LABELS))
MODES = ("full", "last-layer", "gradual", "scratch", "tfidf", "majority")
ACCURACY = {"full": 0.873, "last-layer": 0.727, "gradual": 0.868, "scratch": 0.861, "majority": 0.5}
SECONDS = {"last-layer": 4.0, "tfidf": 2.0, "majority": 0.01}
SENTENCES = ("A fine film.", "Not <b>bad</b> at all.")


def experiment(
    modes: Sequence[str] = MODES, seeds: Sequence[int] = (0,), **more: Any
) -> list[Result]:
    """One run of each mode and seed."""
    return [result(mode, seed, **more) for seed in seeds for mode in modes]


def result(
    mode: str = "full",
    seed: int = 0,
    *,
    texts: int = 400,
    labels: tuple[str, ...] = LABELS,
    inside: bool = True,
    **settings: Any,
) -> Result:
    """A run; its figures are random, and the same whenever the arguments are."""
    random = np.random.default_rng([seed, *mode.encode()])
    accuracy = ACCURACY.get(mode, 0.85)
    truth, probabilities = answers(random, accuracy, texts, len(labels))
    right = probabilities.argmax(1) == truth
    network = mode not in REFERENCES
    rise = 1 - np.exp(-np.linspace(0, 5, 21)) if network else np.ones(1)
    noise = random.normal(0, 0.004, len(rise)) * (rise < 0.9)
    seconds = SECONDS.get(mode, 60.0) * (1 + seed / 20)
    watch = "\n".join(SENTENCES) if network else ""
    made = fake_results.result(
        mode,
        right,
        seed,
        seconds,
        tuple(0.5 + (right.mean() - 0.5) * rise + noise),
        **{"watch": watch} | ({"groups": "head, layer 1"} if mode == "custom" else {}) | settings,
    )
    facts = {"dataset_fingerprint": "made", "labels": list(labels), "steps_per_epoch": 25}
    facts |= {"train_texts": 3200, "val_texts": 400}
    if network:
        facts |= {
            "parameters": SHAPE.parameters,
            "trainable_parameters": strategies.trainable_parameters(made.run.config, SHAPE),
        }
    look = seen(random, made.run.config, truth) if network else NOT_SEEN
    return replace(
        made,
        run=replace(made.run, facts=made.run.facts | facts),
        watched=watched(random, seconds, len(made.run.config.watched), len(labels)),
        diagnostics=Diagnostics(labels, truth, probabilities, **look) if inside else None,
    )


def answers(
    random: np.random.Generator, accuracy: float, texts: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Truth [texts] and probabilities [texts, classes]; hard texts are hard for every run."""
    common = np.random.default_rng(0)
    truth, hard = common.integers(classes, size=texts), common.random(texts)
    wrong = hard + random.normal(0, 0.05, texts) > accuracy
    said = np.where(wrong, (truth + 1) % classes, truth)
    sure = 1 / classes + (1 - 1 / classes) * random.beta(3, 1, texts)
    probabilities = np.repeat((1 - sure)[:, None] / (classes - 1), classes, axis=1)
    probabilities[np.arange(texts), said] = sure
    return truth, probabilities.astype(np.float32)


def watched(
    random: np.random.Generator, seconds: float, sentences: int, classes: int
) -> pd.DataFrame:
    """Each sentence's probabilities, on their way from chance to one class."""
    share = np.linspace(0, 1, 21)
    parts = []
    for sentence in range(sentences):
        sure = (1 - np.exp(-4 * share)) * 0.9 + random.normal(0, 0.02, len(share))
        sure = np.clip(1 / classes + (1 - 1 / classes) * sure, 0, 1)
        parts += [
            pd.DataFrame(
                {
                    "sentence": sentence,
                    "label": label,
                    "step": np.round(share * 100),
                    "epoch": share * 4,
                    "seconds": share * seconds,
                    "examples": share * 3200,
                    "probability": sure
                    if label == (sentence + 1) % classes
                    else (1 - sure) / (classes - 1),
                }
            )
            for label in range(classes)
        ]
    return pd.concat(parts) if parts else fake_results.watched(seconds)[:0]


NOT_SEEN: dict[str, Any] = {
    "map_rows": np.empty(0, np.int64),
    "map_before": np.empty((0, 2), np.float32),
    "map_after": np.empty((0, 2), np.float32),
    "moved": {},
    "forgot": None,
}


def seen(random: np.random.Generator, config: FineTuneConfig, truth: np.ndarray) -> dict[str, Any]:
    """What is looked at after a run: a map that parts the classes, and how far each group moved."""
    rows = np.sort(np.random.default_rng(1).permutation(len(truth))[:2000])
    apart = 0.0 if config.mode == "last-layer" else 3.0
    side = apart * (truth[rows] - truth[rows].mean())
    trained = strategies.trained_groups(config, SHAPE)
    sizes = {"head": 1.6, "layer 2": 0.35, "layer 1": 0.21, "word vectors": 0.04}
    after = 0.884 if config.mode == "last-layer" else 0.512
    source = {"task": "AG News", "before": 0.884, "after": after, "texts": 7600}
    return {
        "map_rows": rows,
        "map_before": np.random.default_rng(2).normal(size=(len(rows), 2)).astype(np.float32),
        "map_after": (random.normal(size=(len(rows), 2)) + np.c_[side, 0 * side]).astype(
            np.float32
        ),
        "moved": {name: size * (name in trained) for name, size in sizes.items()},
        "forgot": None if config.mode == "scratch" else source,
    }
