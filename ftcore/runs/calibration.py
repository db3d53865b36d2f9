"""Calibrates a run's checkpoint on its validation texts, and measures on its test texts what that brings."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ftcore import devices, tracking
from ftcore.data import datasets, test_part
from ftcore.data.text_dataset import TextDataset
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, Task
from ftcore.formatting import few_names, percent
from ftcore.inference import conformal, temperature
from ftcore.models import calibration, checkpoint_files, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import REFERENCES
from ftcore.text.batches import Tokens
from ftcore.training import encoding, row_classifier
from ftcore.validation import printable

TARGET = 0.95
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of the answer's probability


@dataclass(frozen=True)
class Measured:
    """A calibration, and what the test texts say of it."""

    calibration: Calibration
    before: np.ndarray
    """Probabilities of the test texts as the model gives them, [texts, classes]."""
    after: np.ndarray
    """The same at the temperature."""
    truth: np.ndarray
    """int64 [texts]."""

    def values(self) -> dict[str, Any]:
        """All figures, as JSON values; a share that no text decides is None."""
        kept, labels = self.calibration, list(self.calibration.thresholds)
        sets = self.after >= np.array(list(kept.thresholds.values()))
        covered, sizes = conformal.covered(sets, self.truth), sets.sum(1)
        right = self.after.argmax(1) == self.truth
        before, after = (
            temperature.reliability(each, self.truth) for each in (self.before, self.after)
        )
        answered = {least: self.after.max(1) >= least for least in THRESHOLDS}
        return {
            "temperature": kept.temperature,
            "ece_before": temperature.expected_calibration_error(before),
            "ece_after": temperature.expected_calibration_error(after),
            "coverage": _share(covered),
            "target": kept.target,
            "validation_texts": kept.validation_texts,
            "test_texts": len(self.truth),
            "accuracy": _share(right),
            "coverage_per_class": {
                label: _share(covered[self.truth == number]) for number, label in enumerate(labels)
            },
            "mean_set_size": float(sizes.mean()),
            "not_sure": _share(sizes != 1),
            "accuracy_when_sure": _share(right[sizes == 1]),
            "probability_thresholds": kept.thresholds,
            "by_threshold": [
                {"threshold": least, "answered": _share(above), "accuracy": _share(right[above])}
                for least, above in answered.items()
            ],
            "reliability_before": [asdict(each) for each in before],
            "reliability_after": [asdict(each) for each in after],
        }


def _share(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def calibrate(run_id: str, target: float = TARGET) -> Task[Measured]:
    """Fit temperature and thresholds, keep them in the run's checkpoint, and measure them.

    target: share of the texts of each class whose label is to be in the set, between 0 and 1.
    Raises UnfreezeError if the run has no model or no longer its data, or too few validation texts.
    """
    run = _finished_run(run_id)
    checkpoint = checkpoints.find(run_id)
    spec = datasets.find(run.config.dataset)
    if spec is None:
        name = printable(run.config.dataset)
        raise UnfreezeError(f"The data of this run, {name}, is gone or damaged: bring it back.")
    if spec.multi_label:
        raise UnfreezeError("Calibration is for texts with one label; this run's have several.")
    dataset = yield from datasets.load(run.config.dataset, run.config.source)
    dataset = test_part.reduced(dataset, run.config.test_limit)
    rows = torch.tensor(_validation_rows(run, dataset))
    truth = np.array(dataset.train.labels)[rows.numpy()]
    for note in _notes(truth, dataset.labels, target):
        yield Noted(note)
    validation_scores, test_scores = yield from _scores(run, checkpoint, dataset, rows)
    fitted = temperature.fit(validation_scores, truth)
    if fitted == 1:
        yield Noted("All validation texts are answered right, so the temperature stays 1.")
    probabilities = temperature.probabilities(validation_scores, fitted)
    thresholds = conformal.thresholds(probabilities, truth, target).tolist()
    of_labels = dict(zip(dataset.labels, thresholds, strict=True))
    kept = Calibration(fitted, target, of_labels, len(truth))
    calibration.write(checkpoint, kept)
    return Measured(
        kept,
        temperature.probabilities(test_scores),
        temperature.probabilities(test_scores, fitted),
        np.array(dataset.test.labels),
    )


def _finished_run(run_id: str) -> tracking.Run:
    """The run of this id, with a checkpoint that no longer changes. Raises UnfreezeError."""
    known = {checkpoint.ref: checkpoint for checkpoint in checkpoints.list_checkpoints()}
    if run_id in known and known[run_id].kind != "run":
        raise UsageError(
            f"{printable(run_id)} is no run, so its validation texts are unknown: give the id of a run."
        )
    run = tracking.run(run_id)
    if run.config.mode in REFERENCES:
        raise UnfreezeError(f"{run.name} is a reference, which keeps no model: give another run.")
    if run.live:
        raise UnfreezeError(f"{run.name} is not finished; wait for its end, or stop it.")
    if not run.config.keep_model:
        raise UnfreezeError(f"{run.name} kept no model: train it again with --keep-model.")
    return run


def _validation_rows(run: tracking.Run, dataset: TextDataset) -> list[int]:
    """The rows of the validation texts. Raises UnfreezeError if the texts are not the run's."""
    train, rows = datasets.split(dataset, run.config.seed, run.config.limit)
    now = {
        "dataset_fingerprint": dataset.fingerprint,
        "split_fingerprint": datasets.split_fingerprint(dataset, train, rows),
    }
    if any(run.facts.get(name, value) != value for name, value in now.items()):
        raise UnfreezeError(
            f"The texts of {dataset.title} are not those that this run was trained on: bring those back, "
            "or train again."
        )
    return rows


def _notes(truth: np.ndarray, labels: tuple[str, ...], target: float) -> list[str]:
    """Which classes have too few validation texts. Raises UnfreezeError if all have."""
    counts = np.bincount(truth, minlength=len(labels))
    least = conformal.least_texts(target)
    if counts.max() < least:
        raise UnfreezeError(
            f"{len(truth):,} validation texts allow no promise of {percent(target)}: that takes {least:,} "
            f"of a class, and no class has more than {counts.max():,}. Add validation texts, or lower "
            "--target."
        )
    if missing := [label for label, count in zip(labels, counts, strict=True) if not count]:
        raise UnfreezeError(
            f"No validation text is of {few_names(missing)}, so nothing can be promised of it: add some, "
            "or drop that label."
        )
    few = [label for label, count in zip(labels, counts, strict=True) if count < least]
    if not few:
        return []
    return [
        f"A promise of {percent(target)} takes {least:,} validation texts of a class. {few_names(few)} "
        f"{'has' if len(few) == 1 else 'have'} fewer, and so stands in every set."
    ]


def _scores(
    run: tracking.Run, checkpoint: Checkpoint, dataset: TextDataset, rows: torch.Tensor
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Scores of the validation and the test texts, [texts, classes]."""
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    device = devices.pick()
    model = checkpoint_files.load_model(checkpoint, beside=True).to(device)
    train, test = yield from encoding.encode(dataset, tokenizer)

    def scores(tokens: Tokens, rows: torch.Tensor) -> Task[np.ndarray]:
        precision = devices.precision("auto", device)
        classifier = row_classifier.whole_model(
            model, tokens.to(device), checkpoint.truncation, precision
        )
        return (yield from classifier.predict(rows, "evaluating")).numpy()

    validation_scores = yield from scores(train, rows)
    # Those of a finished run's test are kept: 25,000 long texts take an encoder many minutes.
    kept = Diagnostics.of_run(run.run_id) if run.status == "finished" else None
    if kept and np.array_equal(kept.truth, dataset.test.labels):
        yield Progress("testing", len(test), len(test), "texts")
        return validation_scores, np.log(kept.probabilities.astype(np.float64).clip(min=1e-30))
    return validation_scores, (yield from scores(test, torch.arange(len(test))))
