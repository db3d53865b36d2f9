"""Classes with too few examples, and rows without a text."""

from collections.abc import Mapping

from ftcore.data.findings.finding import Finding, number
from ftcore.formatting import listing

FEW = 8  # training texts of a class: the fewest for which few-shot methods report (Tunstall et al. 2022)
_NAMED = 5


def few_examples(training_counts: Mapping[str, int]) -> Finding | None:
    """Find classes with fewer than FEW training texts."""
    few = sorted((count, name) for name, count in training_counts.items() if count < FEW)
    if not few:
        return None
    names = [f"{name} ({count})" for count, name in few[:_NAMED]]
    if len(few) > _NAMED:
        names.append(f"{len(few) - _NAMED} more")
    of = "One class has" if len(few) == 1 else f"{len(few)} classes have"
    sentence = (
        f"{of} fewer than {FEW} training texts, too few to be learned: {listing(names)}. "
        "Merge with another class, drop, or add texts."
    )
    return Finding("few-examples", sentence, len(few), action="merge-labels")


def empty_texts(count: int) -> Finding | None:
    """Say how many rows were left out because they have no text."""
    if not count:
        return None
    has = "has" if count == 1 else "have"
    sentence = (
        f"{number(count, 'row')} {has} no text and {'was' if count == 1 else 'were'} left out. "
        "If there should be none, choose another text column."
    )
    return Finding("empty-texts", sentence, count)
