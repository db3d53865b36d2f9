"""The model card of a checkpoint: metadata as the Hugging Face Hub reads them, then what is known of it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from ftcore import __version__
from ftcore.config import EXECUTION, FineTuneConfig
from ftcore.data import datasets
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.formatting import count, listing, percent
from ftcore.models import calibration, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import mode_title
from ftcore.relevance import shown_values
from ftcore.statistics import wilson
from ftcore.validation import printable

UNKNOWN = "unknown"
_OF_THIS_MACHINE = {"source", "source_task_data", "vectors", "checkpoint", "name"}
_OF_THIS_MACHINE |= {"device", *EXECUTION}


def card(checkpoint: Checkpoint, usage: str, library: str) -> str:
    """Return the card; `usage` is Markdown on how to load it, `library` what loads it."""
    facts, kept, config = _recorded(checkpoint)
    base = base_of(checkpoint)
    metadata = _metadata(checkpoint, kept, config, base, library)
    front = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in metadata.items()]
    sections = {
        "": _summary(checkpoint),
        "How to use it": [usage],
        "Data": _data(checkpoint, facts),
        "Base model": _base_model(base),
        "Training": _training(facts, config),
        "Figures": _figures(checkpoint, kept),
        "Calibration": _calibration(checkpoint),
        "What it is bad at": _weaknesses(checkpoint, kept),
    }
    lines = ["---", *front, "---", "", f"# {_text(checkpoint.title)}"]
    for heading, content in sections.items():
        if content:
            lines += ["", *([f"## {heading}", ""] if heading else []), *content]
    return "\n".join(lines) + "\n"


def _recorded(
    checkpoint: Checkpoint,
) -> tuple[dict[str, Any], Diagnostics | None, FineTuneConfig | None]:
    """What the record of its run says: facts, test answers, settings; nothing of what is gone."""
    from ftcore import tracking  # late: imports MLflow, which the help of a command does without

    with suppress(UnfreezeError):
        if checkpoint.kind == "run":
            run = tracking.run(checkpoint.ref)
            return run.facts, Diagnostics.of_run(checkpoint.ref), run.config
    with suppress(UnfreezeError, TypeError, KeyError):  # of another version, or it has no run
        return {}, None, FineTuneConfig.from_record(checkpoint.origin["config"])
    return {}, None, None


def base_of(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint that it was first fine-tuned from; itself if it has no parent on this machine."""
    seen = {checkpoint.ref}
    while checkpoint.parent and checkpoint.parent not in seen:
        try:
            checkpoint = checkpoints.find(checkpoint.parent)
        except UnfreezeError:
            break
        seen.add(checkpoint.ref)
    return checkpoint


def licence_of(base: Checkpoint) -> str:
    """The licence that the publisher of a model names, or else that of its data; "" if it is unknown."""
    data = None if base.parent else datasets.find(base.dataset)
    return str(base.origin.get("license") or (data and data.licence) or "")


def _metadata(
    checkpoint: Checkpoint,
    kept: Diagnostics | None,
    config: FineTuneConfig | None,
    base: Checkpoint,
    library: str,
) -> dict[str, Any]:
    data = datasets.find(checkpoint.dataset)
    values: dict[str, Any] = {"license": base.origin.get("license") or UNKNOWN}
    if hub := base.origin.get("hub"):
        values["base_model"] = hub
    if data:
        values |= {"datasets": [data.hub]} if data.hub else {}
        values |= {"language": [data.language]} if data.language else {}
    values |= {
        "pipeline_tag": "text-classification",
        "library_name": library,
        "tags": ["text-classification", "unfreeze", *([config.mode] if config else [])],
        "metrics": ["accuracy", "f1"],
    }
    if kept:
        task = {"type": "text-classification", "name": "Text classification"}
        tested = {
            "name": datasets.title(checkpoint.dataset),
            "type": data.hub if data and data.hub else checkpoint.dataset,
            "split": "test",
        }
        exact = {"name": "exact match"} if kept.thresholds else {}
        metrics = [
            {"type": "accuracy", **exact, "value": round(float(kept.right.mean()), 4)},
            {"type": "f1", "name": "macro F1", "value": round(kept.by_class.macro_f1, 4)},
        ]
        results = [{"task": task, "dataset": tested, "metrics": metrics}]
        values["model-index"] = [{"name": checkpoint.title, "results": results}]
    return values


def _summary(checkpoint: Checkpoint) -> list[str]:
    labels = listing([f"*{_text(label)}*" for label in checkpoint.labels])
    several = "all that hold of" if checkpoint.thresholds else "one of"
    return [f"Classifies texts as {several} {labels}. Fine-tuned with Unfreeze {__version__}."]


def _data(checkpoint: Checkpoint, facts: dict[str, Any]) -> list[str]:
    data = datasets.find(checkpoint.dataset)
    parts = {"train_texts": "training", "val_texts": "validation", "test_texts": "test"}
    texts = [f"{count(facts[name])} {part}" for name, part in parts.items() if name in facts]
    title = _text(datasets.title(checkpoint.dataset) or UNKNOWN)
    of_parts = f": {listing(texts)} texts" if texts else ""
    return [f"{title}{of_parts}. Licence: {(data and data.licence) or UNKNOWN}."]


def _base_model(base: Checkpoint) -> list[str]:
    name = base.origin.get("hub") or base.title
    revision = base.origin.get("revision")
    at = f" at revision `{revision}`" if revision else ""
    return [f"{_text(str(name))}{at}. Licence: {licence_of(base) or UNKNOWN}."]


def _training(facts: dict[str, Any], config: FineTuneConfig | None) -> list[str]:
    if config is None:
        return []
    rows = shown_values(config, without=_OF_THIS_MACHINE)
    device = " ".join(str(facts[name]) for name in ("device", "precision") if name in facts)
    rows |= {"Trained on": device} if device else {}
    table = [f"| {name} | {_text(value)} |" for name, value in rows.items()]
    trains = _text(str(facts.get("trains") or mode_title(config.mode)))
    return [trains, "", "| setting | value |", "| --- | --- |", *table]


def _figures(checkpoint: Checkpoint, kept: Diagnostics | None) -> list[str]:
    if kept is None or not len(kept.truth):
        known = checkpoint.metrics.get("test_accuracy")
        measure = "Exact match" if checkpoint.thresholds else "Accuracy"
        return [f"{measure} on the test texts: {percent(known)}." if known else "Not measured."]
    right, by_class = float(kept.right.mean()), kept.by_class
    low, high = wilson(right, len(kept.truth))
    accuracy = "Exact match (all labels of a text and no others)" if kept.thresholds else "Accuracy"
    rows = [
        f"| {_text(label)} | {percent(by_class.precision[n])} | {percent(by_class.recall[n])} | "
        f"{percent(by_class.f1[n])} | {count(by_class.support[n])} |"
        for n, label in enumerate(kept.labels)
    ]
    return [
        f"{accuracy}: {percent(right)} of {count(len(kept.truth))} test texts (95% interval "
        f"{percent(low)} to {percent(high)}). Macro F1: {percent(by_class.macro_f1)}.",
        "",
        "| class | precision | recall | F1 | test texts |",
        "| --- | ---: | ---: | ---: | ---: |",
        *rows,
    ]


def _calibration(checkpoint: Checkpoint) -> list[str]:
    if checkpoint.thresholds:
        pairs = zip(checkpoint.labels, checkpoint.thresholds, strict=True)
        listed = ", ".join(f"{_text(label)} {threshold:.3f}" for label, threshold in pairs)
        return [f"A text has every label whose probability reaches its threshold: {listed}."]
    calibrated = calibration.read(checkpoint)
    if calibrated is None:
        return ["Not calibrated: a probability may be further from the share of right answers."]
    return [
        f"Temperature {calibrated.temperature:.3f}, fitted on {count(calibrated.validation_texts)} "
        "validation texts; it divides the logits before the softmax."
    ]


def _weaknesses(checkpoint: Checkpoint, kept: Diagnostics | None) -> list[str]:
    return [f"- {sentence}" for sentence in _weak_points(checkpoint, kept)]


def _weak_points(checkpoint: Checkpoint, kept: Diagnostics | None) -> Iterator[str]:
    if kept is not None and len(kept.truth):
        found = np.where(kept.by_class.support > 0, kept.by_class.recall, np.inf)
        worst = int(found.argmin())
        yield (
            f"It finds {_text(kept.labels[worst])} least often: {percent(float(found[worst]))} of the "
            f"{count(kept.by_class.support[worst])} test texts that have it."
        )
        if not kept.thresholds and not kept.right.all():
            pairs = kept.truth[~kept.right] * len(kept.labels) + kept.answers[~kept.right]
            pair, number = (int(each[0]) for each in _most_common(pairs))
            truth, answer = (_text(kept.labels[n]) for n in divmod(pair, len(kept.labels)))
            yield f"Its most frequent mistake: {truth} taken for {answer}, {count(number)} times."
    kind = _text(datasets.title(checkpoint.dataset) or UNKNOWN)
    yield f"It was tested on texts of {kind} alone; nothing is known of other kinds or other languages."
    tail = checkpoint.truncation.length - checkpoint.truncation.head
    of_these = f", the last {count(tail)} of them from its end" if tail else ""
    yield f"Of a longer text it reads {count(checkpoint.max_length)} tokens{of_these}."


def _most_common(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent value and how often it occurs, each in an array of one."""
    distinct, counts = np.unique(values, return_counts=True)
    most = [counts.argmax()]
    return distinct[most], counts[most]


def _text(text: str) -> str:
    """A name as Markdown, in a line and in a cell of a table."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
