"""Compares modes: a side is all runs of one mode, a pair measures one side against another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np

from ftcore import statistics
from ftcore.experiments import macro_f1
from ftcore.experiments.grouping import group_by_settings
from ftcore.experiments.result import Measure, Result
from ftcore.modes import REFERENCES
from ftcore.statistics import Interval
from ftcore.training import outcome


@dataclass(frozen=True, eq=False)  # compared by identity
class Side:
    """The runs of one mode and its settings, one per seed."""

    label: str
    results: tuple[Result, ...]
    measure: Measure = "accuracy"
    """What sides are compared by: the test accuracy, or macro F1 where the best models were kept by it."""

    @property
    def mode(self) -> str:
        return self.results[0].run.config.mode

    @property
    def is_reference(self) -> bool:
        return self.mode in REFERENCES

    @property
    def by_seed(self) -> dict[int, Result]:
        return {result.run.config.seed: result for result in self.results}

    @cached_property
    def test_accuracies(self) -> list[float]:
        return [result.test_accuracy for result in self.results]

    @property
    def test_accuracy(self) -> float:
        """Mean over the seeds."""
        return fmean(self.test_accuracies)

    @property
    def macro_f1(self) -> float | None:
        """Mean over the seeds; None if it is not known of one."""
        return _mean_if_known([result.macro_f1 for result in self.results])

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean over the seeds; None if it is not known of one."""
        return _mean_if_known([result.balanced_accuracy for result in self.results])

    @property
    def micro_f1(self) -> float | None:
        """Mean over the seeds; None where a text has one label, so that it is the accuracy."""
        return _mean_if_known([result.run.metrics.get("micro_f1") for result in self.results])

    @property
    def by_class(self) -> list[dict[str, Any]] | None:
        """Label, precision, recall, F1 and support of each class, means over the seeds; None if unknown."""
        looks = [result.diagnostics for result in self.results if result.answers is not None]
        if len(looks) < len(self.results):
            return None
        seeds = [look.by_class.by_label(look.labels) for look in looks if look is not None]
        figures = ("precision", "recall", "f1")
        return [
            rows[0] | {name: fmean(row[name] for row in rows) for name in figures}
            for rows in zip(*seeds, strict=True)
        ]

    @property
    def test_texts(self) -> int:
        return self._fact("test_texts")

    @property
    def val_texts(self) -> int:
        return self._fact("val_texts")

    @property
    def train_classes(self) -> int:
        """Number of classes among the training texts; 0 if it was not recorded."""
        return self._fact("train_classes")

    @cached_property
    def scores(self) -> list[float]:
        """The test accuracy or macro F1 of each seed."""
        return [result.score(self.measure) for result in self.results]

    @property
    def score(self) -> float:
        """Mean over the seeds."""
        return fmean(self.scores)

    @cached_property
    def text_interval(self) -> Interval:
        """95% interval of the score for other test texts."""
        if self.measure == "accuracy" or self.answers is None or self.truth is None:
            return statistics.wilson(self.score, self.test_texts)
        return macro_f1.interval(self.truth, self.classes, self.answers)

    @property
    def seed_interval(self) -> Interval | None:
        """95% interval of the score for other seeds; None for a single seed."""
        return statistics.student(self.scores)

    @property
    def interval(self) -> Interval:
        """The wider of both intervals."""
        return _wider(self.text_interval, self.seed_interval)

    @property
    def train_seconds(self) -> float:
        return fmean(result.train_seconds for result in self.results)

    def seconds_to(self, level: float) -> float | None:
        """Mean seconds until the measure on validation first reached a level; None if a seed never did."""
        times = [result.seconds_to(level, self.measure) for result in self.results]
        reached = [seconds for seconds in times if seconds is not None]
        return fmean(reached) if len(reached) == len(times) else None

    @property
    def trainable_parameters(self) -> int:
        return self._fact("trainable_parameters")

    @property
    def parameters(self) -> int:
        """Number of all parameters, including frozen ones."""
        return self._fact("parameters")

    def _fact(self, name: str) -> int:
        return int(self.results[0].run.facts.get(name, 0))

    @cached_property
    def correct(self) -> np.ndarray | None:
        """Share of the seeds that are right, by test text [texts]; None if predictions are missing."""
        known = [rows for result in self.results if (rows := result.correct) is not None]
        if len(known) < len(self.results) or len({len(rows) for rows in known}) > 1:
            return None
        return np.mean(known, axis=0)

    @cached_property
    def answers(self) -> list[np.ndarray] | None:
        """The answers of each seed to the test texts; None if some are missing."""
        known = [rows for result in self.results if (rows := result.answers) is not None]
        return known if self.correct is not None else None

    @property
    def classes(self) -> int:
        return len(self.results[0].run.facts["labels"])

    @property
    def truth(self) -> np.ndarray | None:
        """True labels of the test texts, see `ftcore.answers`; None if predictions are missing."""
        diagnostics = self.results[0].diagnostics
        return None if diagnostics is None else diagnostics.truth


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides; all differences are those of the first less the second."""

    first: Side
    second: Side

    @property
    def difference(self) -> float:
        return self.first.score - self.second.score

    @cached_property
    def paired_correct(self) -> tuple[np.ndarray, np.ndarray] | None:
        """`Side.correct` of both; None if they were not measured on the same test texts."""
        first, second = self.first.correct, self.second.correct
        if first is None or second is None:
            return None
        same = np.array_equal(self.first.truth, self.second.truth)  # type: ignore[arg-type]
        return (first, second) if same else None

    @cached_property
    def text_interval(self) -> Interval:
        """95% interval of the difference for other test texts; narrower if measured on the same ones."""
        first, second = self.first, self.second
        if self.paired_correct is None:
            return statistics.unpaired(
                first.score, first.text_interval, second.score, second.text_interval
            )
        if first.measure == "accuracy":
            return statistics.paired(np.subtract(*self.paired_correct))
        assert first.truth is not None and first.answers is not None and second.answers is not None
        return macro_f1.interval(first.truth, first.classes, first.answers, second.answers)

    @cached_property
    def seed_interval(self) -> Interval | None:
        """95% interval of the difference for other seeds, from the differences by seed."""
        measure = self.first.measure
        return statistics.student(
            [
                first.score(measure) - second.score(measure)
                for first, second in self.by_seed.values()
            ]
        )

    @property
    def by_seed(self) -> dict[int, tuple[Result, Result]]:
        """The results of the seeds that both sides have."""
        first, second = self.first.by_seed, self.second.by_seed
        return {seed: (first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())}

    @property
    def interval(self) -> Interval:
        """The wider of both intervals."""
        return _wider(self.text_interval, self.seed_interval)

    @property
    def margin(self) -> float:
        """Half the width of the interval: the number after ±."""
        return statistics.width(self.interval) / 2

    @property
    def significant(self) -> bool:
        """Whether neither interval contains 0, and both lie on the same side of it."""
        intervals = [self.text_interval, self.seed_interval or self.text_interval]
        return all(low > 0 for low, _ in intervals) or all(high < 0 for _, high in intervals)

    @cached_property
    def discordant(self) -> dict[int, tuple[int, int]]:
        """By seed, the number of texts that only the first side has right, and only the second."""
        if self.paired_correct is None:
            return {}
        counts = {}
        for seed, results in self.by_seed.items():
            first, second = (result.correct for result in results)
            assert first is not None and second is not None  # as paired_correct is known
            counts[seed] = int((first & ~second).sum()), int((second & ~first).sum())
        return counts

    @property
    def p_values(self) -> dict[int, float]:
        """McNemar's test by seed."""
        return {seed: statistics.mcnemar(*counts) for seed, counts in self.discordant.items()}

    @property
    def speedup(self) -> float:
        """Training time of the second side divided by that of the first."""
        return self.second.train_seconds / max(self.first.train_seconds, 1e-9)


def sides(results: Sequence[Result]) -> list[Side]:
    """The sides of a comparison, references last; incomplete runs are left out."""
    complete = [result for result in results if result.complete]
    measure = measure_of(complete)
    return [Side(label, tuple(group), measure) for label, group in group_by_settings(complete)]


def measure_of(results: Sequence[Result]) -> Measure:
    """Macro F1 if the best model of every run was kept by it, else accuracy, also in earlier versions."""
    by_f1 = [result.run.facts.get("best_by") == "macro-f1" for result in results]
    known = [result.macro_f1 is not None for result in results]
    return "macro-f1" if results and all(by_f1) and all(known) else "accuracy"


def average(everything: Sequence[Side]) -> Side | None:
    """A reference: the mean of the probabilities of TF-IDF and the most accurate network, seed by seed.

    None if one of them is missing, or they did not answer the same test texts.
    """
    networks = [side for side in everything if not side.is_reference]
    tfidf = next((side for side in everything if side.mode == "tfidf"), None)
    if not networks or tfidf is None:
        return None
    best = max(networks, key=lambda side: side.score)
    pair = Pair(best, tfidf)
    if pair.paired_correct is None or not pair.by_seed:
        return None
    results = []
    for first, second in pair.by_seed.values():
        assert first.diagnostics is not None and second.diagnostics is not None
        probabilities = (first.diagnostics.probabilities + second.diagnostics.probabilities) / 2
        both = zip(first.diagnostics.thresholds, second.diagnostics.thresholds, strict=True)
        thresholds = tuple(map(fmean, both))
        look = replace(second.diagnostics, probabilities=probabilities, thresholds=thresholds)
        figures = outcome.figures(look.truth, look.answers, len(look.labels))
        run = replace(second.run, metrics=second.run.metrics | figures)
        results.append(replace(second, run=run, diagnostics=look))
    return Side(f"{best.label} and {tfidf.label}, averaged", tuple(results), best.measure)


def _mean_if_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def _wider(first: Interval, second: Interval | None) -> Interval:
    if second is None or statistics.width(first) >= statistics.width(second):
        return first
    return second
