"""What a run is measured by, also while it waits: its facts are recorded when it begins."""

from typing import TYPE_CHECKING

from ftcore.data import datasets

if TYPE_CHECKING:
    from ftcore.tracking import Run


def several_labels(run: "Run") -> bool:
    """Whether a text may have several labels, so that the accuracy is the share of exact matches."""
    if run.facts:
        return bool(run.facts.get("several_labels", False))
    spec = datasets.find(run.config.dataset)
    return spec is not None and spec.multi_label


def by_macro_f1(run: "Run") -> bool:
    """Whether its best model is kept by macro F1; of rare classes, that is known once the run begins."""
    if run.facts:
        return bool(run.facts.get("best_by") == "macro-f1")
    chosen = run.config.best_by
    return chosen == "macro-f1" or (chosen == "auto" and several_labels(run))
