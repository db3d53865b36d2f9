"""How many labels are needed, in sentences."""

import math
from collections.abc import Mapping, Sequence

from ftcore import formatting
from ftcore.data import datasets
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Pair
from ftcore.experiments.learning_curve.crossings import Crossing
from ftcore.experiments.learning_curve.curves import Curve, pairs
from ftcore.experiments.learning_curve.forecast import Check, Forecast
from ftcore.experiments.result import Result
from ftcore.formatting import percent
from ftcore.modes import mode_title

_NOTHING = 0.001  # a gain that rounds to no tenth of a point


def sentence(
    curves: Sequence[Curve],
    crossings: Sequence[Crossing],
    forecasts: Mapping[str, Forecast],
    checks: Mapping[str, Check],
) -> str:
    """Up to how many texts the fast mode is as good, from how many on the best one is better, and what
    twice the labels would bring."""
    networks = _networks_at_largest(curves)
    if not networks:
        return "No network finished, so there is nothing to compare."
    best = networks[0]
    size = best.sizes[-1]
    rival = _rival(best, networks)
    if rival is None:
        side = best.sides[size]
        low, high = map(percent, side.interval)
        first = f"With {size:,} texts {best.label} reaches {percent(side.score)} "
        first += f"({low} to {high})"
    else:
        first = _contrast(best, rival, crossings)
    return f"{first}; {_more_labels(best, forecasts, checks)}."


def findings(
    curves: Sequence[Curve],
    crossings: Sequence[Crossing],
    checks: Mapping[str, Check],
    results: Sequence[Result],
) -> list[str]:
    """Further sentences, the most important first."""
    incomplete = [_incomplete(result) for result in results if not result.complete]
    networks = _networks_at_largest(curves)
    if not networks:
        return incomplete
    best = networks[0]
    everything = [side for curve in curves for side in curve.sides.values()]
    sentences = [
        *verdict.small_parts(everything),
        _synthetic(results),
        *_crossing(curves, crossings),
        *worth(curves),
        _average(curves, best.sizes[-1]),
        _checked(best, checks),
        _single_seeds(networks),
    ]
    return [each for each in sentences if each] + incomplete


def worth(curves: Sequence[Curve]) -> list[str]:
    """Where a pretrained model beats TF-IDF and random weights, and where it does not."""
    networks = _networks_at_largest(curves)
    by_mode = {curve.mode: curve for curve in reversed(curves)}
    return [each for each in (_tfidf(networks, by_mode), _pretraining(by_mode)) if each]


def _networks_at_largest(curves: Sequence[Curve]) -> list[Curve]:
    """The networks that were measured with most texts, the most accurate first."""
    networks = [curve for curve in curves if not curve.is_reference]
    largest = max((curve.sizes[-1] for curve in networks), default=0)
    there = [curve for curve in networks if curve.sizes[-1] == largest]
    return sorted(there, key=lambda curve: curve.scores[-1], reverse=True)


def _rival(best: Curve, networks: Sequence[Curve]) -> Curve | None:
    """What the best network is measured against: the fastest other one, or the next in accuracy.

    From scratch is a control, not an option, and is chosen only if there is nothing else.
    """
    others = [curve for curve in networks if curve is not best]
    others = [curve for curve in others if curve.mode != "scratch"] or others
    if not others:
        return None
    fastest = min(others, key=_seconds)
    return fastest if _speedup(fastest, best) >= verdict.SAME_SPEED else others[0]


def _seconds(curve: Curve) -> float:
    """Training time with most texts; an earlier version may not have recorded it."""
    seconds = curve.sides[curve.sizes[-1]].train_seconds
    return seconds if math.isfinite(seconds) else math.inf


def _speedup(fast: Curve, slow: Curve) -> float:
    seconds = _seconds(fast)
    return _seconds(slow) / max(seconds, 1e-9) if math.isfinite(seconds) else 0.0


def _contrast(best: Curve, rival: Curve, crossings: Sequence[Crossing]) -> str:
    by_size = pairs(best, rival)
    sizes = list(by_size)
    ahead = _ahead_from(by_size)
    speed = _speed(by_size, rival)
    last = by_size[sizes[-1]]
    if ahead is None:
        accuracies = " and ".join(percent(side.score) for side in (last.first, last.second))
        better = [size for size in sizes if _is_ahead(by_size[size], -1)]
        up_to = f"up to {better[-1]:,} texts {rival.label} is better; " if better else ""
        text = (
            f"{up_to}with {sizes[-1]:,} texts {best.label} and {rival.label} are too close to tell "
            "apart"
        )
        fast = f", and {rival.label} trains {speed}" if speed else ""
        return _capitalized(f"{text}: {accuracies}{fast}")
    by = formatting.points(last.difference, last.margin)
    if ahead == sizes[0]:
        fast = f", and {rival.label} trains {speed}" if speed else ""
        return (
            f"{best.label} is better than {rival.label} at every size, by {by} with {sizes[-1]:,} "
            f"texts{fast}"
        )
    before = sizes[: sizes.index(ahead)]
    better = [_is_ahead(by_size[size], -1) for size in before]
    quality = "better" if all(better) else "as good or better" if any(better) else "as good"
    fast = f" and trains {speed}" if speed else ""
    where = f"with {sizes[-1]:,} " if ahead != sizes[-1] else ""
    start = f"from {ahead:,} on" if ahead != sizes[-1] else f"with {ahead:,}"
    return (
        f"Up to {_crossed_at(best, rival, crossings, before[-1])} texts {rival.label} is {quality}{fast}; "
        f"{start} {best.label} is better{', ' if where else ' '}{where}by {by}"
    )


def _ahead_from(by_size: Mapping[int, Pair]) -> int | None:
    """The size from which on the first curve is surely ahead; None if it is not at the largest."""
    start = None
    for size, pair in reversed(list(by_size.items())):
        if not _is_ahead(pair, 1):
            break
        start = size
    return start


def _is_ahead(pair: Pair, sign: int) -> bool:
    """Whether the first side (sign 1) or the second (-1) is surely ahead."""
    return pair.significant and pair.difference * sign > 0


def _crossed_at(best: Curve, rival: Curve, crossings: Sequence[Crossing], size: int) -> str:
    """The number of texts up to which the rival is as good: at least the measured `size`."""
    for crossing in crossings:
        if {crossing.before, crossing.after} == {best.label, rival.label} and crossing.size > size:
            digits = 1 - math.floor(math.log10(crossing.size))
            return f"about {round(crossing.size, digits):,.0f}"
    return f"{size:,}"


def _speed(by_size: Mapping[int, Pair], rival: Curve) -> str:
    """How fast the rival trains with most texts, if it is faster."""
    pair = by_size[max(by_size)]
    ratio = 1 / pair.speedup if pair.speedup > 0 else math.nan
    return f"{formatting.factor(ratio)} times as fast" if ratio >= verdict.SAME_SPEED else ""


def _more_labels(
    best: Curve, forecasts: Mapping[str, Forecast], checks: Mapping[str, Check]
) -> str:
    if best.label not in forecasts:
        return "what more labels would bring takes three sizes to tell"
    if best.label in checks and not checks[best.label].passed:
        return "what more labels would bring cannot be told, as the forecast failed its check"
    size = best.sizes[-1]
    gain, (low, high) = forecasts[best.label].gain(size, 2 * size)
    if gain < _NOTHING:
        return f"twice the labels would bring next to nothing ({high * 100:.1f} points at most)"
    unchecked = "" if best.label in checks else ", unchecked, as that takes four sizes"
    return (
        f"with twice the labels expect {gain * 100:.1f} points more "
        f"({low * 100:.1f} to {high * 100:.1f}{unchecked})"
    )


def main_crossings(curves: Sequence[Curve], crossings: Sequence[Crossing]) -> list[Crossing]:
    """Where the two curves of the sentence cross, if that can be told."""
    networks = _networks_at_largest(curves)
    rival = _rival(networks[0], networks) if networks else None
    if rival is None:
        return []
    labels = {networks[0].label, rival.label}
    return [
        crossing
        for crossing in crossings
        if {crossing.before, crossing.after} == labels and (crossing.low or crossing.high)
    ]


def _crossing(curves: Sequence[Curve], crossings: Sequence[Crossing]) -> list[str]:
    return [
        f"{crossing.before} and {crossing.after} cross at about {crossing.size:,.0f} texts "
        f"({_range(crossing)})."
        for crossing in main_crossings(curves, crossings)
    ]


def _range(crossing: Crossing) -> str:
    low = "from fewer than were measured" if crossing.low is None else f"{crossing.low:,.0f}"
    high = "more than were measured" if crossing.high is None else f"{crossing.high:,.0f}"
    return f"95% interval {low} to {high}"


def _tfidf(networks: Sequence[Curve], by_mode: Mapping[str, Curve]) -> str:
    """From how many texts on a network beats TF-IDF."""
    if "tfidf" not in by_mode:
        return ""
    tfidf, best = by_mode["tfidf"], {}
    for size, side in tfidf.sides.items():
        there = [curve.sides[size] for curve in networks if size in curve.sides]
        if there:
            best[size] = Pair(max(there, key=lambda side: side.score), side)
    if not best:
        return ""
    sizes, ahead = list(best), _ahead_from(best)
    last = best[sizes[-1]]
    by = f"{formatting.points(last.difference, last.margin)} with {sizes[-1]:,}"
    if ahead is None and (won := [size for size in sizes if _is_ahead(best[size], 1)]):
        pair = best[won[-1]]
        margin = formatting.points(pair.difference, pair.margin)
        first = f"A network beats TF-IDF with {_listed(won)} texts, {pair.first.label} by {margin}"
        first += f" with {won[-1]:,}" * (len(won) > 1)
        if _is_ahead(last, -1):
            return f"{first}; TF-IDF is ahead by {by}."
        return f"{first}; with {sizes[-1]:,} no network is surely better."
    if ahead is None:
        if _is_ahead(last, -1):
            return f"No network beats TF-IDF with {sizes[-1]:,} texts: it is ahead by {by}."
        return f"With {sizes[-1]:,} texts no network is surely better than TF-IDF."
    if ahead == sizes[0]:
        return f"A network beats TF-IDF at every size: {last.first.label} by {by} texts."
    return f"TF-IDF is beaten from {ahead:,} texts on: by {last.first.label}, by {by}."


def _average(curves: Sequence[Curve], size: int) -> str:
    sides = [curve.sides[size] for curve in curves if size in curve.sides]
    if (side := comparison.average(sides)) is None:
        return ""
    best = max((each for each in sides if not each.is_reference), key=lambda each: each.score)
    return f"Averaged with TF-IDF, {best.label} reaches {percent(side.score)} with {size:,} texts."


def _pretraining(by_mode: Mapping[str, Curve]) -> str:
    if not {"full", "scratch"} <= by_mode.keys():
        return ""
    by_size = pairs(by_mode["full"], by_mode["scratch"])
    if not by_size:
        return ""
    ends = list(dict.fromkeys([min(by_size), max(by_size)]))
    worth = [
        f"{by_size[size].difference * 100:.1f} ± {by_size[size].margin * 100:.1f} points with {size:,}"
        for size in ends
    ]
    return f"Pretraining is worth {formatting.listing(worth)} texts (Full less From scratch)."


def _checked(best: Curve, checks: Mapping[str, Check]) -> str:
    if best.label not in checks:
        return ""
    check = checks[best.label]
    low, high = map(percent, check.interval)
    return (
        f"The forecast of {best.label} from up to {check.smaller:,} texts said {percent(check.predicted)} "
        f"({low} to {high}) for {check.size:,}; {percent(check.measured)} were measured."
    )


def _single_seeds(networks: Sequence[Curve]) -> str:
    sizes = sorted(
        {size for curve in networks for size, side in curve.sides.items() if len(side.results) == 1}
    )
    if not sizes:
        return ""
    where = "" if len(sizes) == len(networks[0].sizes) else f" with {_listed(sizes)} texts"
    return f"One seed each{where}: another may shift a figure by a point or so."


def _listed(sizes: Sequence[int]) -> str:
    return formatting.listing([f"{size:,}" for size in sizes])


def _synthetic(results: Sequence[Result]) -> str:
    if not all(datasets.is_synthetic(result.run.config.dataset) for result in results):
        return ""
    return "The texts are synthetic, so these figures say nothing about real ones."


def _incomplete(result: Result) -> str:
    config = result.run.config
    return (
        f"{mode_title(config.mode)} with {config.limit or 'all'} texts (seed {config.seed}) does not "
        f"count: it is {result.run.status}."
    )


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
