"""Results of runs that never ran, for tests of what is said and drawn of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Evaluation, Finished, Progress, Started, Step, Watched
from ftcore.experiments.result import Result
from ftcore.models import checkpoints
from ftcore.models.spec import LessonSpec
from ftcore.modes import REFERENCES
from ftcore.training import strategies

TEXTS = 1_000
LABELS = ("negative", "positive")
SPEC = LessonSpec(29_482, 100, len(LABELS))
MODES = ("full", "last-layer", "gradual", "scratch", "tfidf", "majority")
ACCURACY = {"full": 0.873, "last-layer": 0.727, "gradual": 0.868, "scratch": 0.861, "majority": 0.5}
SECONDS = {"last-layer": 4.0, "tfidf": 2.0, "majority": 0.01}
SENTENCES = ("A fine film.", "Not <b>bad</b> at all.")
NOWHERE = np.empty((0, 2), np.float32)
NO_MAP: dict[str, Any] = {"map_rows": np.empty(0, np.int64), "moved": {}, "forgot": None}
NO_MAP |= {"map_before": NOWHERE, "map_after": NOWHERE}


def result(
    mode: str = "full",
    right: int | np.ndarray = 900,
    seed: int = 0,
    seconds: float = 20.0,
    curve: tuple[float, ...] = (0.5, 0.82, 0.86, 0.9),
    status: str = "finished",
    kept: bool = True,
    metrics: dict[str, float] | None = None,
    split: str | None = None,
    measure: str = "accuracy",
    **settings: Any,
) -> Result:
    """A run with `right` of the test texts right; a number takes the first ones. `kept`: its answers.

    `measure` is what its best model was kept by.
    `curve` is its validation accuracy, evenly over its training seconds.
    """
    if isinstance(right, int):
        right = np.arange(TEXTS) < right
    config = FineTuneConfig(mode=mode, seed=seed, **settings)
    figures = {"train_seconds": seconds, "seconds": seconds + 5, **(metrics or {})}
    if status == "finished":
        figures |= {"test_accuracy": float(right.mean()), "val_accuracy": max(curve)}
    facts = {"train_texts": config.limit or 3200, "val_texts": 400, "test_texts": len(right)}
    facts |= {"steps": 100, "steps_per_epoch": 25, "evaluations_per_epoch": 0.8}
    facts |= {"dataset_fingerprint": "made", "labels": list(LABELS), "best_by": measure}
    facts["split_fingerprint"] = split or f"split-{seed}-{config.limit}"
    if mode not in REFERENCES:
        trained = strategies.trainable_parameters(config, SPEC)
        facts |= {"parameters": SPEC.parameters, "trainable_parameters": trained}
    values = {"config": config, "facts": facts, "metrics": figures, "notes": [], "message": ""}
    progress = {"phase_done": 0.0, "phase_total": None, "phase_unit": "", "phase_seconds": 0.0}
    origin = {"created": datetime(2026, 11, 21, tzinfo=UTC), "host": "here", "pid": 1}
    of_size = f"-{config.limit}" if config.limit else ""
    names = {"run_id": f"{mode}-{seed}{of_size}", "name": f"{mode} {seed}", "experiment": "one"}
    state = {"status": status, "phase": "done", **progress}
    run = tracking.Run(**names, **state, **values, **origin)  # type: ignore[arg-type]
    truth = np.arange(len(right)) % 2
    answers = np.eye(2, dtype=np.float32)[np.where(right, truth, 1 - truth)]
    diagnostics = Diagnostics(LABELS, truth, answers, **NO_MAP | {"moved": {"head": 0.5}})
    return Result(run, history(curve, seconds), watched(seconds), diagnostics if kept else None)


def learning_curve(
    rights: Mapping[str, Mapping[int, int]], seeds: Sequence[int] = (0, 1, 2), **settings: Any
) -> list[Result]:
    """Runs of each mode, size and seed; `rights`: right test texts by mode and number of training texts.

    The texts on which a run is wrong are in the same random order for all; a seed shifts their number by one.
    Training takes 10 ms a text, the head alone a tenth of that.
    """
    order = np.random.default_rng(0).permutation(TEXTS)
    return [
        result(
            mode,
            order < right + seed - 1,
            seed,
            size * (0.001 if mode == "last-layer" else 0.01),
            limit=size,
            **settings,
        )
        for seed in seeds
        for mode, by_size in rights.items()
        for size, right in by_size.items()
    ]


def history(curve: tuple[float, ...], seconds: float) -> pd.DataFrame:
    """Validation accuracy evenly over the training, and its training points."""
    number = np.arange(len(curve))
    last = max(1, len(curve) - 1)
    points = pd.DataFrame({"step": 100 * number // last, "epoch": 4 * number / last})
    points["seconds"] = seconds * number / last
    points["examples"] = 3_200 * number
    points["loss"], points["accuracy"] = 1 - np.array(curve), curve
    points.insert(0, "split", "val")
    evaluated = points.assign(macro_f1=0.9 * points["accuracy"])
    parts = [points.assign(split="train"), evaluated, evaluated[-1:].assign(split="test")]
    return pd.concat(parts, ignore_index=True)


def watched(seconds: float, sentences: int = 1, classes: int = 2, points: int = 2) -> pd.DataFrame:
    """Probabilities of each sentence, on their way to one class."""
    axes = {"sentence": range(sentences), "share": np.linspace(0, 1, points)}
    axes["label"] = range(classes)
    table = pd.MultiIndex.from_product(axes.values(), names=axes).to_frame(index=False)
    share = table.pop("share").astype(float)
    table["step"] = (100 * share).round().astype(int)
    table["epoch"], table["seconds"] = 4 * share, seconds * share
    table["examples"] = (3_200 * share).round().astype(int)
    sure = 0.2 + 0.7 * share
    right = table["label"] == (table["sentence"] + 1) % classes
    return table.assign(probability=np.where(right, sure, (1 - sure) / (classes - 1)))


def record(result: Result, experiment: str = "", name: str = "") -> str:
    """Put a result into the record, as if it had run here; one that is running has half its curve."""
    run, history = result.run, result.history
    run_id = tracking.create_run(run.config, experiment, name)
    if run.status == "queued":
        return run_id
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started(run.facts))
        last = 50 if run.status == "running" else history["step"].max()
        for row in history[history["step"] <= last].itertuples():
            at = (int(row.step), row.epoch, row.seconds, int(row.examples), row.loss, row.accuracy)
            is_step = row.split == "train"
            recorder.write(
                Step(*at, 0.001) if is_step else Evaluation(row.split, *at, row.macro_f1)
            )
        if run.config.watched:  # the one sentence of `watched`
            for step, rows in result.watched.groupby("step"):
                first, shares = rows.iloc[0], tuple(rows["probability"])
                recorder.write(Watched(step, first.epoch, first.seconds, first.examples, (shares,)))
        recorder.write(Progress("training", 50, 100, "steps"))
        if run.status != "running":
            recorder.write(Finished(run.status, "Over.", run.metrics))  # type: ignore[arg-type]
    if result.diagnostics is not None and run.status == "finished":
        result.diagnostics.write(checkpoints.run_path(run_id).parent)
    return run_id


def experiment(
    modes: Sequence[str] = MODES, seeds: Sequence[int] = (0,), **more: Any
) -> list[Result]:
    """A `full_result` of each mode and seed."""
    return [full_result(mode, seed, **more) for seed in seeds for mode in modes]


def full_result(
    mode: str = "full",
    seed: int = 0,
    *,
    texts: int = 400,
    labels: tuple[str, ...] = LABELS,
    inside: bool = True,
    **settings: Any,
) -> Result:
    """A run with all that can be drawn; its figures are random, the same for the same arguments."""
    random = np.random.default_rng([seed, *mode.encode()])
    truth, probabilities = answers(random, ACCURACY.get(mode, 0.85), texts, len(labels))
    right = probabilities.argmax(1) == truth
    network = mode not in REFERENCES
    rise = 1 - np.exp(-np.linspace(0, 5, 21)) if network else np.ones(1)
    noise = random.normal(0, 0.004, len(rise)) * (rise < 0.9)
    curve = tuple(0.5 + (right.mean() - 0.5) * rise + noise)
    settings = {"watch": "\n".join(SENTENCES) if network else ""} | settings
    if mode == "custom":
        settings = {"groups": "head, layer 1"} | settings
    seconds = SECONDS.get(mode, 60.0) * (1 + seed / 20)
    plain = result(mode, right, seed, seconds, curve, **settings)
    look = body_changes(random, plain.run.config, truth) if network else NO_MAP
    return replace(
        plain,
        run=replace(plain.run, facts=plain.run.facts | {"labels": list(labels)}),
        watched=watched(seconds, len(plain.run.config.watched), len(labels), points=21),
        diagnostics=Diagnostics(labels, truth, probabilities, **look) if inside else None,
    )


def answers(
    random: np.random.Generator, accuracy: float, texts: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Truth [texts] and probabilities [texts, classes]; hard texts are hard for every run."""
    common = np.random.default_rng(0)
    truth, hard = common.integers(classes, size=texts), common.random(texts)
    wrong = hard + random.normal(0, 0.05, texts) > accuracy
    sure = 1 / classes + (1 - 1 / classes) * random.beta(3, 1, texts)
    probabilities = np.repeat((1 - sure)[:, None] / (classes - 1), classes, axis=1)
    probabilities[np.arange(texts), np.where(wrong, (truth + 1) % classes, truth)] = sure
    return truth, probabilities.astype(np.float32)


def body_changes(
    random: np.random.Generator, config: FineTuneConfig, truth: np.ndarray
) -> dict[str, Any]:
    """A map that separates the classes, how far each group moved, and what was forgotten."""
    rows = np.sort(np.random.default_rng(1).permutation(len(truth))[:2000])
    frozen = config.mode == "last-layer"
    x = (0.0 if frozen else 3.0) * (truth[rows] - truth[rows].mean())
    trained = strategies.trained_groups(config, SPEC)
    sizes = {"head": 1.6, "layer 2": 0.35, "layer 1": 0.21, "word vectors": 0.04}
    after = 0.884 if frozen else 0.512
    source = {"task": "AG News", "before": 0.884, "after": after, "texts": 7600}
    before = np.random.default_rng(2).normal(size=(len(rows), 2))
    return {
        "map_rows": rows,
        "map_before": before.astype(np.float32),
        "map_after": (random.normal(size=(len(rows), 2)) + np.c_[x, 0 * x]).astype(np.float32),
        "moved": {name: size * (name in trained) for name, size in sizes.items()},
        "forgot": None if config.mode == "scratch" else source,
    }
