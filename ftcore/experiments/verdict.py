"""What a comparison comes to, in sentences with figures that a student understands."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftcore.config import mode_title
from ftcore.experiments.comparison import Pair, Side, counted, sides, tested

if TYPE_CHECKING:
    from ftcore.experiments.plan import Result

LEVELS = (0.80, 0.85, 0.88)  # validation accuracies whose time is told
ABOUT_AS_FAST = 1.15  # a factor that the noise of a clock reaches
_TFIDF = "TF-IDF with logistic regression"


def sentence(results: "Sequence[Result]") -> str:
    """Which mode is more accurate, and which is quicker: two sentences at most."""
    networks = _networks(results)
    if not networks:
        return "No network came to its end, so there is nothing to compare."
    best = networks[0]
    if len(networks) == 1:
        low, high = best.over_texts
        return (
            f"{best.label} has {_percent(best.test)} of {_texts(best, 'test texts')} right "
            f"(95% interval {_percent(low)} to {_percent(high)})."
        )
    even = [side for side in networks if side is best or not Pair(best, side).clear]
    return f"{_most_accurate(networks, even)} {_quickest(networks, even)}".strip()


def further(results: "Sequence[Result]") -> list[str]:
    """What else there is to say, the most important first."""
    networks = _networks(results)
    left_out = [
        f"{mode_title(one.run.config.mode)} (seed {one.run.config.seed}) does not count: "
        f"it is {one.run.status}."
        for one in results
        if not counted(one)
    ]
    if not networks:
        return left_out
    found = [
        _pretraining(networks),
        _reference(networks, sides(results)),
        _best_head(networks, sides(results)),
        _no_better(networks, sides(results)),
        _passed(networks),
        _by_text(networks),
        _by_seed(networks),
    ]
    return [one for one in found if one] + left_out


def _networks(results: "Sequence[Result]") -> list[Side]:
    """The most accurate first."""
    return sorted(
        (side for side in sides(results) if not side.is_reference),
        key=lambda side: -side.test,
    )


def _most_accurate(networks: list[Side], even: list[Side]) -> str:
    best = networks[0]
    on = _texts(best, "texts") + f" and {len(best.results)} seeds" * (len(best.results) > 1)
    names = _listed([side.label for side in even])
    shares = _listed([_percent(side.test) for side in even])
    if len(even) == 1:
        ahead = f"{_points(Pair(best, networks[1]))} more than {networks[1].label}"
        told = best.mode == "scratch" and networks[1].mode == "full"
        control = ", so pretraining did not help here" if told else ""
        return (
            f"{best.label} is the most accurate: {shares} of {_texts(best, 'test texts')}, "
            f"{ahead}{control}."
        )
    if len(even) < len(networks):
        return f"{names} are the most accurate, {shares}: too close to tell apart on {on}."
    return f"{names} are too close to tell apart on {on}: {shares}."


def _quickest(networks: list[Side], even: list[Side]) -> str:
    # From scratch is the control, not an offer; its time is that of Full.
    offers = [side for side in networks if side.mode != "scratch"] or networks
    if not all(math.isfinite(side.seconds) for side in offers):
        return ""
    best, quickest = offers[0], min(offers, key=lambda side: side.seconds)
    others = [side for side in offers if side is not quickest]
    if not others:
        return ""
    rival = best if quickest is not best else min(others, key=lambda side: side.seconds)
    pair = Pair(quickest, rival)
    if pair.factor < ABOUT_AS_FAST:
        return f"{quickest.label} and {rival.label} trained about as fast."
    times = f"({_time(quickest.seconds)} against {_time(rival.seconds)})"
    if quickest is best:
        return f"It trained fastest, too: {_factor(pair)} as fast as {rival.label} {times}."
    told = {best, quickest} <= set(even) or (len(even) == 1 and [best, quickest] == networks[:2])
    price = "" if told else f", for {_points(Pair(best, quickest))} less"
    return f"{quickest.label} trained {_factor(pair)} as fast as {best.label} {times}{price}."


def _pretraining(networks: list[Side]) -> str:
    """What the pretrained body is worth: full against scratch."""
    full, scratch = _of(networks, "full"), _of(networks, "scratch")
    if full is None or scratch is None:
        return ""
    pair = Pair(full, scratch)
    if pair.clear and networks[:2] == [scratch, full]:
        return ""  # the verdict says so
    reached = f"from scratch the same training reaches {_percent(scratch.test)}"
    if not pair.clear:
        return f"Whether pretraining helped cannot be told: {reached}, {_points(pair)} from Full."
    if pair.difference > 0:
        return f"Pretraining helped: {reached}, {_points(pair)} less than Full."
    return f"Pretraining did harm here: {reached}, {_points(pair)} more than Full."


def _reference(networks: list[Side], everything: list[Side]) -> str:
    """Whether anything beats TF-IDF."""
    tfidf, best = _of(everything, "tfidf"), networks[0]
    if tfidf is None:
        return ""
    pair = Pair(best, tfidf)
    reached = f"{_percent(tfidf.test)}, fitted in {_time(tfidf.seconds)}"
    if not pair.clear:
        return f"{_TFIDF} is too close to {best.label} to tell apart: {reached}."
    if pair.difference > 0:
        return f"{best.label} beats {_TFIDF} ({reached}) by {_points(pair)}."
    return f"No network beats {_TFIDF}: {reached}, {_points(pair)} more than {best.label}."


def _best_head(networks: list[Side], everything: list[Side]) -> str:
    """What the last layer leaves to the frozen body."""
    best, last = _of(everything, "best-head"), _of(networks, "last-layer")
    if best is None or last is None:
        return ""
    return (
        f"The best that any last layer can do on the frozen body is {_percent(best.test)}; this one "
        f"has {_percent(last.test)}."
    )


def _no_better(networks: list[Side], everything: list[Side]) -> str:
    """Who is no better than the majority class."""
    majority = _of(everything, "majority")
    if majority is None:
        return ""
    poor = [
        side.label
        for side in networks
        if not (Pair(side, majority).clear and side.test > majority.test)
    ]
    if not poor:
        return ""
    verb = "is" if len(poor) == 1 else "are"
    share = _percent(majority.test)
    return f"{_listed(poor)} {verb} no better than always naming the most frequent class ({share})."


def _passed(networks: list[Side]) -> str:
    """When each passed the highest level that any did."""
    for level in reversed(LEVELS):
        times = {side.label: time for side in networks if (time := side.passed(level)) is not None}
        if not times:
            continue
        told = [f"{_time(times[name])} in {name}" for name in sorted(times, key=times.__getitem__)]
        never = [side.label for side in networks if side.label not in times]
        rest = f"; {_listed(never)} never did" if never else ""
        return f"Validation first passed {level:.0%} after {_listed(told)}{rest}."
    return ""


def _by_text(networks: list[Side]) -> str:
    """McNemar's test of the two that a reader compares first."""
    if len(networks) < 2:
        return ""
    full, last = _of(networks, "full"), _of(networks, "last-layer")
    pair = Pair(full, last) if full and last else Pair(networks[0], networks[1])
    names = pair.first.label, pair.second.label
    if not pair.alone:
        return ""
    seeds = list(pair.alone)
    one, two = pair.alone[seeds[0]]
    counts = f"{names[0]} alone is right on {one:,} texts and {names[1]} alone on {two:,}"
    if len(seeds) == 1:
        return f"{counts}: {_chance(pair.mcnemar[seeds[0]])}."
    chances = [_p(p) for p in pair.mcnemar.values()]
    told = f"{chances[0]} with every seed" if len(set(chances)) == 1 else _listed(chances)
    return f"With seed {seeds[0]}, {counts}. McNemar's test, seed by seed: {told}."


def _by_seed(networks: list[Side]) -> str:
    """How far seeds lie apart."""
    if all(len(side.results) == 1 for side in networks):
        return "One seed each: another may shift every figure by a point or so."
    told = [
        f"{side.label} {_percent(min(map(tested, side.results)))} to "
        f"{_percent(max(map(tested, side.results)))}"
        for side in networks
        if len(side.results) > 1
    ]
    return f"From seed to seed: {_listed(told)}."


def _of(found: list[Side], mode: str) -> Side | None:
    return next((side for side in found if side.mode == mode), None)


def _chance(p: float) -> str:
    said = "hardly chance" if p < 0.01 else "unlikely chance" if p < 0.05 else "it may be chance"
    return f"{said} (McNemar's test, {_p(p)})"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _texts(side: Side, what: str) -> str:
    """What it was tested on; that the sample's are made up is never left out."""
    made_up = "synthetic " * (side.results[0].run.config.dataset == "sample")
    return f"{side.texts:,} {made_up}{what}"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _points(pair: Pair) -> str:
    """5.2 ± 1.9 points."""
    return f"{abs(pair.difference) * 100:.1f} ± {pair.half * 100:.1f} points"


def _factor(pair: Pair) -> str:
    return f"{pair.factor:.1f} times" if pair.factor < 10 else f"{pair.factor:,.0f} times"


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
