"""Calibrates a checkpoint on its validation texts, and measures on its test texts what that brings."""

from dataclasses import replace

import numpy as np
import torch

from ftcore import devices, paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets, test_part
from ftcore.data.text_dataset import TextDataset
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, Task
from ftcore.formatting import few_names, short_percent
from ftcore.inference import calibration_measures, conformal, temperature
from ftcore.models import calibration, checkpoint_files, checkpoints
from ftcore.models.calibration import TARGET, Calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import REFERENCES
from ftcore.text.batches import Tokens
from ftcore.training import encoding, row_classifier
from ftcore.validation import printable


def calibrate(ref: str, target: float = TARGET, source: str = "") -> Task[Calibration]:
    """Fit temperature and thresholds, measure them, and keep both in the checkpoint of a run or a copy of it.

    target: share of the texts of each class whose label is to be in the set, between 0 and 1; source: where
    the data lies now, if it moved. Raises UnfreezeError if the checkpoint was not trained here, its data
    is gone, or has too few validation texts.
    """
    checkpoint = _finished(ref)
    config = FineTuneConfig.from_record(checkpoint.origin["config"])
    dataset_name = datasets.as_recorded(config.dataset)
    config = replace(config, dataset=dataset_name, source=source or config.source)
    dataset = yield from _dataset(checkpoint, config)
    rows = torch.tensor(_validation_rows(checkpoint, config, dataset))
    truth = np.array(dataset.train.labels)[rows.numpy()]
    for note in _notes(truth, dataset.labels, target):
        yield Noted(note)
    validation_scores, test_scores = yield from _scores(checkpoint, dataset, rows)
    fitted = temperature.fit(validation_scores, truth)
    if fitted == 1:
        yield Noted("All validation texts are answered right, so the temperature stays 1.")
    probabilities = temperature.probabilities(validation_scores, fitted)
    least = conformal.thresholds(probabilities, truth, target).tolist()
    thresholds = dict(zip(dataset.labels, least, strict=True))
    test_truth = np.array(dataset.test.labels)
    figures = calibration_measures.measure(test_scores, test_truth, fitted, thresholds)
    kept = Calibration(fitted, target, thresholds, len(truth), figures)
    checkpoints.find(ref)  # raises if it was deleted meanwhile
    calibration.write(checkpoint, kept)
    return kept


def _finished(ref: str) -> Checkpoint:
    """The checkpoint, which was trained here and no longer changes. Raises UnfreezeError."""
    kinds = {checkpoint.ref: checkpoint.kind for checkpoint in checkpoints.list_checkpoints()}
    if kinds.get(ref, "run") == "run":
        _check_run(tracking.run(ref))
    checkpoint = checkpoints.find(ref)
    if checkpoint.kind == "bundled":
        raise UsageError(
            f"{ref} comes with Unfreeze and stays as it is: copy it, by `export {ref} "
            f"{paths.checkpoints_dir() / 'NAME'}`, and calibrate NAME."
        )
    if not checkpoint.origin.get("config"):
        raise UsageError(
            f"{printable(ref)} was not trained here, so its validation texts are unknown: fine-tune it, and "
            "calibrate that run."
        )
    return checkpoint


def _check_run(run: tracking.Run) -> None:
    """Raise UnfreezeError if a run has no model, or one that may still change."""
    if run.config.mode in REFERENCES:
        raise UnfreezeError(f"{run.name} is a reference, which keeps no model: give another run.")
    if run.live:
        raise UnfreezeError(f"{run.name} is not finished: wait for its end, or stop it.")
    if not run.config.keep_model:
        raise UnfreezeError(f"{run.name} kept no model: train it again with --keep-model.")


def _dataset(checkpoint: Checkpoint, config: FineTuneConfig) -> Task[TextDataset]:
    """The texts that it was trained and tested on. Raises UnfreezeError."""
    if datasets.find(config.dataset) is None:
        name = printable(config.dataset)
        raise UnfreezeError(f"The data of this model, {name}, is gone or damaged: bring it back.")
    if checkpoint.thresholds:
        raise UnfreezeError(
            "Calibration is for models of one label a text. This one gives several: `predict` names each "
            "label that reaches its threshold, which validation chose."
        )
    dataset = yield from datasets.load(config.dataset, config.source)
    return test_part.reduced(dataset, config.test_limit)


def _validation_rows(
    checkpoint: Checkpoint, config: FineTuneConfig, dataset: TextDataset
) -> list[int]:
    """The rows of the validation texts. Raises UnfreezeError if the texts are not the model's."""
    train, rows = datasets.split(dataset, config.seed, config.limit)
    now = {
        "dataset_fingerprint": dataset.fingerprint,
        "split_fingerprint": datasets.split_fingerprint(dataset, train, rows),
    }
    same = all(checkpoint.origin.get(name, value) == value for name, value in now.items())
    if not (same and checkpoint.answers(dataset)):
        raise UnfreezeError(
            f"The texts of {dataset.title} are not those that this model was trained on: bring those back, "
            "or train again."
        )
    return rows


def _notes(truth: np.ndarray, labels: tuple[str, ...], target: float) -> list[str]:
    """Which classes have too few validation texts. Raises UnfreezeError if all have."""
    counts = np.bincount(truth, minlength=len(labels))
    least = conformal.least_texts(target)
    if counts.max() < least:
        raise UnfreezeError(
            f"{len(truth):,} validation texts allow no promise of {short_percent(target)}: that takes "
            f"{least:,} of a class, and no class has more than {counts.max():,}. Add validation texts, or "
            "lower the target."
        )
    if missing := [label for label, count in zip(labels, counts, strict=True) if not count]:
        raise UnfreezeError(
            f"No validation text is of {few_names(missing)}, so nothing can be promised of it: add some, "
            "or drop that label."
        )
    few = [label for label, count in zip(labels, counts, strict=True) if count < least]
    if not few:
        return []
    have = "has fewer, and so stands" if len(few) == 1 else "have fewer, and so stand"
    return [
        f"A promise of {short_percent(target)} takes {least:,} validation texts of a class. {few_names(few)} "
        f"{have} in every set: add validation texts, or lower the target."
    ]


def _scores(
    checkpoint: Checkpoint, dataset: TextDataset, rows: torch.Tensor
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
    tested = checkpoint.kind == "run" and tracking.run(checkpoint.ref).status == "finished"
    kept = Diagnostics.of_run(checkpoint.ref) if tested else None
    if kept and np.array_equal(kept.truth, dataset.test.labels):
        yield Progress("testing", len(test), len(test), "texts")
        return validation_scores, temperature.scores(kept.probabilities)
    return validation_scores, (yield from scores(test, torch.arange(len(test))))
