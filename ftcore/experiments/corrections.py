"""What changed labels bought: two versions of the data, trained alike, and tested on the same texts.

Some of the changes may be to labels of test texts. So both versions are tested on the test labels as they
were and, apart from that, on the changed ones.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ftcore import answers as answering
from ftcore.data import datasets
from ftcore.data.store import labelling, versions
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison
from ftcore.experiments.comparison import Pair, Side
from ftcore.experiments.result import Result
from ftcore.formatting import count, listing, percent, points
from ftcore.modes import REFERENCES, mode_title
from ftcore.training import outcome

_CHANGES = {  # what happened to a text → one, several
    "corrected": ("correction", "corrections"),
    "labelled": ("new label", "new labels"),
    "dropped": ("dropped text", "dropped texts"),
}
_PARTS = {"train": "training", "validation": "validation", "test": "test"}


@dataclass(frozen=True, eq=False)
class Gain:
    """What the changes bought a mode: pairs of the later version, first, and the earlier one."""

    mode: str
    as_they_were: Pair
    """By the test labels of the earlier version."""
    corrected: Pair
    """By those of the later version."""
    changed_texts: int
    """Test texts whose labels differ."""


def versions_of(results: Sequence[Result]) -> tuple[str, str] | None:
    """The two versions of one dataset that runs compare, the earlier first; None if they compare others."""
    names = sorted({result.run.config.dataset for result in results}, key=_number)
    bases = {datasets.without_version(name) for name in names}
    return (names[0], names[1]) if len(names) == 2 and len(bases) == 1 else None


def gains(results: Sequence[Result]) -> list[Gain]:
    """What the changes bought each mode that has finished with both versions.

    The largest gain comes first, references come last.
    """
    names = versions_of(results)
    if names is None:
        return []
    by_mode: dict[str, dict[str, Side]] = {}
    for side in comparison.sides(results):
        name = side.results[0].run.config.dataset
        by_mode.setdefault(side.mode, {}).setdefault(name, side)
    both = [sides for sides in by_mode.values() if len(sides) == 2]
    found = [gain for sides in both if (gain := _gain(sides[names[0]], sides[names[1]]))]
    return sorted(found, key=lambda gain: (gain.mode in REFERENCES, -gain.as_they_were.difference))


def summary(results: Sequence[Result]) -> str:
    """The outcome in a sentence."""
    found = gains(results)
    if not found:
        return (
            "No mode has finished with both versions of the data, so there is nothing to compare."
        )
    return _sentence(found[0], results, len(found) > 1)


def findings(results: Sequence[Result]) -> list[str]:
    """Further sentences: the test by the changed labels, other modes, what was changed."""
    found = gains(results)
    sentences = [_by_changed_labels(gain, len(found) > 1) for gain in found[:1]]
    for gain in found[1:]:
        sentences += [_sentence(gain, results, True), _by_changed_labels(gain, True)]
    sentences.append(_where(results))
    if any(gain.changed_texts for gain in found):
        sentences.append("The table has each version by its own test labels.")
    return [sentence for sentence in sentences if sentence]


def values(results: Sequence[Result]) -> list[dict[str, object]]:
    """The gain of each mode, as JSON values."""
    rows: list[dict[str, object]] = []
    for gain in gains(results):
        row: dict[str, object] = {"mode": gain.mode, "changed_test_texts": gain.changed_texts}
        for name, pair in (("as_they_were", gain.as_they_were), ("corrected", gain.corrected)):
            row[name] = {
                "before": pair.second.score,
                "after": pair.first.score,
                "difference": pair.difference,
                "margin": pair.margin,
                "significant": pair.significant,
                "seeds": sorted(pair.by_seed),
                "test_texts": pair.first.test_texts,
            }
        rows.append(row)
    return rows


def changes(results: Sequence[Result]) -> Counter[tuple[str, str]] | None:
    """How many texts differ between the versions, by what happened and part; None if the data is gone.

    What happened is corrected, labelled or dropped.
    """
    names = versions_of(results)
    try:
        first, second = (versions.get(name) for name in names or ())
        before, after = versions.states(first), versions.states(second)
        originals = labelling.originals(first)
    except (UnfreezeError, ValueError):
        return None
    found = Counter[tuple[str, str]]()
    for text in before.keys() | after.keys():
        was, now = (states.get(text, originals.state(text)) for states in (before, after))
        if was.label != now.label or was.origin != now.origin:
            kind = "dropped" if now.label is None else "corrected"
            kind = "labelled" if was.origin == "" else kind
            found[kind, originals.part(text)] += 1
    return found


def _number(name: str) -> int:
    return versions.split_name(name)[1] or 0


def _what(results: Sequence[Result]) -> str:
    """What was changed, as the subject of a sentence: The 120 corrections and 3 dropped texts."""
    found = changes(results) or Counter()
    named = []
    for kind, (one, several) in _CHANGES.items():
        if number := sum(texts for (which, _), texts in found.items() if which == kind):
            named.append(f"{count(number)} {one if number == 1 else several}")
    return f"The {listing(named)}" if named else "The changes"


def _sentence(gain: Gain, results: Sequence[Result], name_mode: bool) -> str:
    """What the changes bought, by the test labels as they were."""
    pair, subject = gain.as_they_were, _what(results)
    texts = f"{count(pair.first.test_texts)} test texts"
    mode = f" {mode_title(gain.mode)}" if name_mode else ""
    gained = points(pair.difference, pair.margin)
    measure = "macro F1" if pair.first.measure == "macro-f1" else "right"
    scores = f"{percent(pair.second.score)} → {percent(pair.first.score)} {measure}"
    by = " by their labels as they were" if gain.changed_texts else ""
    if pair.significant:
        verb = "bought" if pair.difference > 0 else "cost"
        return f"{subject} {verb}{mode} {gained}: {scores} on {texts}{by}."
    seeds = len(pair.by_seed)
    sample = f"{texts} and {count(seeds)} seeds" if seeds > 1 else texts
    more = "more" if pair.difference >= 0 else "less"
    return f"{subject} bought{mode} nothing that {sample} can tell{by}: {gained} {more} ({scores})."


def _by_changed_labels(gain: Gain, name_mode: bool) -> str:
    """The same by the changed labels of the test texts; "" if none was changed."""
    if not gain.changed_texts:
        return ""
    pair, number = gain.corrected, gain.changed_texts
    mode = f"{mode_title(gain.mode)}, by" if name_mode else "By"
    labels = "the changed label of 1 test text"
    if number > 1:
        labels = f"the changed labels of {count(number)} test texts"
    more = "more" if pair.difference >= 0 else "less"
    chance = "" if pair.significant else ", which may be chance"
    return (
        f"{mode} {labels}: {points(pair.difference, pair.margin)} {more}{chance} "
        f"({percent(pair.second.score)} → {percent(pair.first.score)})."
    )


def _where(results: Sequence[Result]) -> str:
    """In which parts the changed texts are, and what that means for the comparison."""
    found = changes(results)
    if not found:
        return ""
    by_part = {part: sum(n for (_, of), n in found.items() if of == part) for part in _PARTS}
    named = [f"{count(number)} {_PARTS[part]}" for part, number in by_part.items() if number]
    sentence = f"Changed are {listing(named)} texts."
    if any(kind != "corrected" for kind, _ in found):
        sentence += " The number of texts differs, and so do the batches, also with the same seed."
    return sentence


def _gain(before: Side, after: Side) -> Gain | None:
    """Both sides, tested on the texts that both versions have; None if their answers are not known."""
    if before.answers is None or after.answers is None:
        return None
    rows = _common_rows(before.results[0], after.results[0])
    if rows is None or before.truth is None or after.truth is None:
        return None
    truths = before.truth[rows[0]], after.truth[rows[1]]
    if truths[0].shape != truths[1].shape:  # of several labels a text, and one more class
        return None
    labels = after.results[0].run.facts["labels"]  # classes may have been added behind the others
    pairs = [
        Pair(_tested(after, rows[1], truth, labels), _tested(before, rows[0], truth, labels))
        for truth in truths
    ]
    changed = int((~answering.right(*truths)).sum())
    return Gain(after.mode, pairs[0], pairs[1], changed)


def _tested(side: Side, rows: np.ndarray, truth: np.ndarray, labels: list[str]) -> Side:
    """A side with its figures for some of the test texts, by the classes `truth` of the names `labels`."""
    results = []
    for result in side.results:
        assert result.diagnostics is not None  # as the answers of the side are known
        probabilities = result.diagnostics.probabilities[rows]
        look = replace(result.diagnostics, truth=truth, probabilities=probabilities)
        figures = outcome.figures(truth, look.answers, len(labels))
        facts = result.run.facts | {"test_texts": len(rows), "labels": labels}
        run = replace(result.run, metrics=result.run.metrics | figures, facts=facts)
        results.append(replace(result, run=run, diagnostics=look))
    return Side(side.label, tuple(results), side.measure)


def _common_rows(before: Result, after: Result) -> tuple[np.ndarray, np.ndarray] | None:
    """The test texts that two runs share, as rows of each; None if that is not known."""
    assert before.diagnostics is not None and after.diagnostics is not None
    sizes = len(before.diagnostics.truth), len(after.diagnostics.truth)
    try:
        texts = [
            dataset_texts.load(each.run.facts["dataset_fingerprint"]) for each in (before, after)
        ]
    except (UnfreezeError, KeyError):
        return (np.arange(sizes[0]),) * 2 if sizes[0] == sizes[1] else None
    if tuple(map(len, texts)) != sizes:
        return None
    places: dict[str, list[int]] = {}
    for row in reversed(range(sizes[0])):
        places.setdefault(texts[0][row], []).append(row)
    rows = [
        (found.pop(), row) for row in range(sizes[1]) if (found := places.get(texts[1][row], []))
    ]
    first, second = np.array(rows, np.int64).reshape(-1, 2).T
    return (first, second) if len(first) else None
