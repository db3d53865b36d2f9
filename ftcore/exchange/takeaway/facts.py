"""What a page tells of each model: where it comes from, how good it is, what it reads."""

from collections.abc import Sequence
from datetime import datetime

from ftcore import formatting, tracking
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.exchange import model_card
from ftcore.models import calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import mode_title
from ftcore.statistics import wilson


def mode(checkpoint: Checkpoint) -> str:
    """The mode that trained a checkpoint; "" if it came without a record of that."""
    config = checkpoint.origin.get("config") or {}
    return str(config.get("mode") or "")


def titles(models: Sequence[Checkpoint]) -> list[str]:
    """A name for each model on one page: its mode if that tells them apart."""
    names = [mode_title(mode(model)) if mode(model) else model.title for model in models]
    return names if len(set(names)) == len(names) > 1 else [model.title for model in models]


def facts(checkpoint: Checkpoint) -> dict[str, str]:
    """Name → fact, without those that are not known."""
    known = {
        "Mode": mode_title(mode(checkpoint)),
        "Learned from": _data(checkpoint),
        "Trained": _date(checkpoint),
        "Started from": str(checkpoint.origin.get("source_checkpoint") or checkpoint.parent),
        "Right on the test texts": _accuracy(checkpoint),
        "Classes": formatting.few_names(checkpoint.labels, 12),
        "Parameters": formatting.count(checkpoint.model.parameters),
        "Reads of a text": _reading(checkpoint),
        "Probabilities": _probabilities(checkpoint),
        "Licence of what it started from": model_card.licence_of(model_card.base_of(checkpoint)),
    }
    return {name: fact for name, fact in known.items() if fact}


def _data(checkpoint: Checkpoint) -> str:
    texts = checkpoint.origin.get("train_texts")
    counted = f", {formatting.count(texts)} training texts" if isinstance(texts, int) else ""
    return f"{datasets.title(checkpoint.dataset)}{counted}" if checkpoint.dataset else ""


def _date(checkpoint: Checkpoint) -> str:
    """The day of a run's start, or "" of a checkpoint without one."""
    if checkpoint.kind != "run":
        return ""
    try:
        created: datetime = tracking.run(checkpoint.ref).created
    except UnfreezeError:  # the record is gone, the model is not
        return ""
    return f"{created:%d %B %Y}".lstrip("0")


def _accuracy(checkpoint: Checkpoint) -> str:
    share = checkpoint.metrics.get("test_accuracy")
    texts = checkpoint.origin.get("test_texts")
    if share is None:
        return "not measured"
    if not isinstance(texts, int) or not texts:
        return formatting.percent(share)
    low, high = wilson(share, texts)
    interval = f"{100 * low:.1f} to {formatting.percent(high)}"
    return f"{formatting.percent(share)} of {formatting.count(texts)} (95% interval {interval})"


def _reading(checkpoint: Checkpoint) -> str:
    reading = checkpoint.truncation
    from_end = reading.length - reading.head
    ending = f", {from_end} of them from the end of a longer one" if from_end else ""
    return f"{reading.length} tokens{ending}"


def _probabilities(checkpoint: Checkpoint) -> str:
    if checkpoint.thresholds:
        return "one for each label; a text has every label that reaches its threshold"
    if (kept := calibration.read(checkpoint)) is None:
        return "as the model gives them, not calibrated"
    return (
        f"calibrated on {formatting.count(kept.validation_texts)} texts; the labels named at "
        f"{formatting.percent(kept.target)} hold the true one so often"
    )
