"""What is compared: runs as sides, a side against another, and what makes a comparison unfair."""

import math
from collections.abc import Sequence
from dataclasses import Field, dataclass, fields, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.config import MODES, REFERENCES, FineTuneConfig, label, meant, mode_title
from ftcore.experiments import statistics
from ftcore.experiments.statistics import Interval

if TYPE_CHECKING:  # they bring MLflow, which figures do not need
    from ftcore.experiments.plan import Result
    from ftcore.tracking import Run

_NOT_COMPARED = ("seed", "name", "watch", "source", "own_data", "device")


@dataclass(frozen=True, eq=False)  # two sides are the same only where they are one
class Side:
    """One side of a comparison: a mode with its settings, over its seeds. Seconds are of training."""

    label: str
    results: "tuple[Result, ...]"

    @property
    def mode(self) -> str:
        return self.results[0].run.config.mode

    @property
    def is_reference(self) -> bool:
        return self.mode in REFERENCES

    @property
    def by_seed(self) -> "dict[int, Result]":
        return {one.run.config.seed: one for one in self.results}

    @cached_property
    def test(self) -> float:
        """Mean test accuracy."""
        return fmean(map(tested, self.results))

    @property
    def texts(self) -> int:
        """How many test texts it was measured on."""
        return int(self.results[0].run.facts.get("test_texts", 0))

    @property
    def over_texts(self) -> Interval:
        """95% of the mean accuracy, for other test texts of the kind."""
        return statistics.wilson(self.test, self.texts)

    @property
    def over_seeds(self) -> Interval | None:
        """95% of the mean accuracy, for other seeds; None for a single one."""
        return statistics.student(list(map(tested, self.results)))

    @property
    def seconds(self) -> float:
        """Mean training time."""
        return fmean(map(training_seconds, self.results))

    def passed(self, level: float) -> float | None:
        """Mean seconds until validation accuracy first reached a level; None where a seed never did."""
        times = [_first(one, level) for one in self.results]
        known = [time for time in times if time is not None]
        return fmean(known) if len(known) == len(times) else None

    @property
    def trained(self) -> int:
        """Parameters that train."""
        return int(self.results[0].run.facts.get("trainable_parameters", 0))

    @property
    def parameters(self) -> int:
        """All parameters, the frozen ones too."""
        return int(self.results[0].run.facts.get("parameters", 0))

    @cached_property
    def correct(self) -> np.ndarray | None:
        """Share of the seeds that are right, by test text [texts]; None where a run kept no answers."""
        found = [one for result in self.results if (one := right(result)) is not None]
        if len(found) < len(self.results) or len({len(one) for one in found}) > 1:
            return None
        return np.mean(found, axis=0)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides, and how much more accurate the first is."""

    first: Side
    second: Side

    @property
    def difference(self) -> float:
        return self.first.test - self.second.test

    @cached_property
    def answers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Of both, the share of seeds that are right by test text, where those texts are the same."""
        one, two = self.first.correct, self.second.correct
        if (
            one is None
            or two is None
            or not np.array_equal(_truth(self.first), _truth(self.second))
        ):
            return None
        return one, two

    @cached_property
    def over_texts(self) -> Interval:
        """95% of the difference, for other test texts; narrower where both answered the same ones."""
        if self.answers is not None:
            one, two = self.answers
            return statistics.paired(one - two)
        first, second = self.first, self.second
        return statistics.unpaired(first.test, first.over_texts, second.test, second.over_texts)

    @cached_property
    def over_seeds(self) -> Interval | None:
        """95% of the difference, for other seeds: of the differences seed by seed."""
        one, two = self.first.by_seed, self.second.by_seed
        return statistics.student(
            [tested(one[seed]) - tested(two[seed]) for seed in sorted(one.keys() & two.keys())]
        )

    @property
    def interval(self) -> Interval:
        """The wider of the two."""
        found = [one for one in (self.over_texts, self.over_seeds) if one is not None]
        return max(found, key=lambda one: one[1] - one[0])

    @property
    def half(self) -> float:
        """Half the width of the interval: the figure after ±."""
        return (self.interval[1] - self.interval[0]) / 2

    @property
    def clear(self) -> bool:
        """Whether chance, of texts or of seeds, hardly explains the difference."""
        found = [one for one in (self.over_texts, self.over_seeds) if one is not None]
        return all(low > 0 for low, _ in found) or all(high < 0 for _, high in found)

    @cached_property
    def alone(self) -> dict[int, tuple[int, int]]:
        """By seed: on how many texts the first alone is right, and the second alone."""
        found = {}
        if self.answers is not None:
            for seed in sorted(self.first.by_seed.keys() & self.second.by_seed.keys()):
                one, two = right(self.first.by_seed[seed]), right(self.second.by_seed[seed])
                assert one is not None and two is not None
                found[seed] = (int((one & ~two).sum()), int((two & ~one).sum()))
        return found

    @property
    def mcnemar(self) -> dict[int, float]:
        """By seed: how likely so uneven a split of those texts is, were both equally good."""
        return {seed: statistics.mcnemar(*both) for seed, both in self.alone.items()}

    @property
    def factor(self) -> float:
        """How many times as fast the first trained."""
        return self.second.seconds / max(self.first.seconds, 1e-9)


def counted(result: "Result") -> bool:
    """Whether a run came to its end and was tested."""
    return result.run.status == "finished" and "test_accuracy" in result.run.metrics


def tested(result: "Result") -> float:
    """Test accuracy."""
    return result.run.metrics["test_accuracy"]


def training_seconds(result: "Result") -> float:
    """Training time; a frozen body's text vectors count also where an earlier run had made them."""
    return result.run.metrics.get("train_seconds", math.nan) + _made_earlier(result)


def on_a_fair_clock(result: "Result") -> "Result":
    """The same, with the seconds of its curves counted as `training_seconds` counts them."""
    earlier = _made_earlier(result)
    if not earlier:
        return result
    history = result.history.assign(seconds=result.history["seconds"] + earlier)
    watched = result.watched.assign(seconds=result.watched["seconds"] + earlier)
    return replace(result, history=history, watched=watched)


def right(result: "Result") -> np.ndarray | None:
    """Which test texts it has right, bool [texts]; None where it kept no answers."""
    if result.insights is None or not len(result.insights.probabilities):
        return None
    return result.insights.probabilities.argmax(1) == result.insights.truth


def sides(results: "Sequence[Result]") -> list[Side]:
    """The sides of a comparison; runs that do not count are left out, references come last."""
    found = grouped([result for result in results if counted(result)])
    return [Side(name, tuple(group)) for name, group in found]


def grouped(results: "Sequence[Result]") -> "list[tuple[str, list[Result]]]":
    """Runs that differ in nothing but the seed, together, with what to call them; in the order of `rank`.

    The same settings and seed a second time make another group.
    """
    groups: list[list[Result]] = []
    for result in results:
        for group in groups:
            same = apart_from_seed(group[0].run.config) == apart_from_seed(result.run.config)
            if same and result.run.config.seed not in {one.run.config.seed for one in group}:
                group.append(result)
                break
        else:
            groups.append([result])
    groups.sort(key=lambda group: rank(group[0].run.config.mode))
    names = labels([group[0].run for group in groups])
    return list(zip(names, groups, strict=True))


def differences(runs: "Sequence[Run]") -> dict[str, list[str]]:
    """What differs that must not in a fair comparison: its name → the values there are."""
    networks = [run for run in runs if run.config.mode not in REFERENCES]
    seeds: dict[FineTuneConfig, set[int]] = {}
    for run in networks:
        seeds.setdefault(apart_from_seed(run.config), set()).add(run.config.seed)
    values = {
        "checkpoint": [run.config.checkpoint for run in networks],
        "data": [run.config.dataset for run in runs],
        "training texts": [f"{run.config.limit:,}" if run.config.limit else "all" for run in runs],
        "seed": [", ".join(map(str, sorted(one))) for one in seeds.values()],
    }
    told = {name: list(dict.fromkeys(each)) for name, each in values.items() if len(set(each)) > 1}
    by_seed: dict[int, set[str]] = {}
    for run in runs:
        if "split_fingerprint" in run.facts:
            by_seed.setdefault(run.config.seed, set()).add(run.facts["split_fingerprint"])
    if not told and any(len(splits) > 1 for splits in by_seed.values()):
        told["split"] = sorted(set().union(*by_seed.values()))
    return told


def apart_from_seed(config: FineTuneConfig) -> FineTuneConfig:
    """The settings that all seeds of a side share."""
    defaults: dict[str, Any] = {
        one.name: one.default for one in fields(config) if one.name in _NOT_COMPARED
    }
    return replace(config, **defaults)


def rank(mode: str) -> float:
    """The place of a mode in a list: from what trains most to least, then the others as MODES has them."""
    return list(MODES).index(mode) if mode in MODES else list(MODES).index("last-layer") - 0.5


def labels(runs: "Sequence[Run]") -> list[str]:
    """The mode of each; where one is there twice, what it differs in, else the run's name as well."""
    titles = [mode_title(run.config.mode) for run in runs]
    found = []
    for run, title in zip(runs, titles, strict=True):
        same = [one.config for one, other in zip(runs, titles, strict=True) if other == title]
        differing = [
            setting
            for setting in meant(run.config)
            if setting.name not in _NOT_COMPARED
            and len({getattr(one, setting.name) for one in same}) > 1
        ]
        told = [_setting(run.config, setting) for setting in differing[:2]]
        found.append(f"{title} ({', '.join(told)})" if told else title)
    return [
        f"{one} ({run.name})" if found.count(one) > 1 else one
        for one, run in zip(found, runs, strict=True)
    ]


def _setting(config: FineTuneConfig, setting: "Field[Any]") -> str:
    """Epochs 4; all training texts."""
    value = getattr(config, setting.name)
    if setting.name == "limit":
        return f"{value:,} training texts" if value else "all training texts"
    return f"{label(setting).lower()} {value}"


def _truth(side: Side) -> np.ndarray:
    insights = side.results[0].insights
    assert insights is not None
    return insights.truth


def _first(result: "Result", level: float) -> float | None:
    """Seconds until validation accuracy first reached a level."""
    history = on_a_fair_clock(result).history
    there = history[(history["split"] == "val") & (history["accuracy"] >= level)]
    return float(there["seconds"].min()) if len(there) else None


def _made_earlier(result: "Result") -> float:
    """Seconds that text vectors took in an earlier run."""
    metrics = result.run.metrics
    return metrics.get("features_seconds", 0.0) if metrics.get("features_kept") else 0.0
