"""The outcome of a comparison in sentences."""

import math
from collections.abc import Sequence

from ftcore import formatting
from ftcore.data import datasets
from ftcore.experiments import corrections
from ftcore.experiments.comparison import Pair, Side, average, sides
from ftcore.experiments.result import Result
from ftcore.formatting import FEW_TEXTS, duration, listing, percent
from ftcore.modes import mode_title

LEVELS = (
    0.80,
    0.85,
    0.88,
)  # of the measure on validation; the time to reach the highest one is reported
SAME_SPEED = 1.15  # smaller ratios of training times are within the noise of a clock
_TFIDF = "TF-IDF with logistic regression"


def summary(results: Sequence[Result]) -> str:
    """Which mode is the most accurate and which the fastest, in two sentences at most.

    Of two versions of the data: what the changes of labels bought.
    """
    if corrections.versions_of(results):
        return corrections.summary(results)
    networks = _networks(sides(results))
    if not networks:
        return "No network finished, so there is nothing to compare."
    best = networks[0]
    if len(networks) == 1:
        interval = f"(95% interval {' to '.join(map(percent, best.text_interval))})"
        texts = _texts(best, "test texts")
        if best.measure == "macro-f1":
            return f"{best.label} has a macro F1 of {percent(best.score)} on {texts} {interval}."
        return f"{best.label} has {percent(best.score)} of {texts} right {interval}."
    ties = [best] + [side for side in networks[1:] if not Pair(best, side).significant]
    return f"{_most_accurate(networks, ties)} {_fastest(networks, ties)}".strip()


def findings(results: Sequence[Result]) -> list[str]:
    """Further sentences, the most important first."""
    incomplete = [
        f"{mode_title(result.run.config.mode)} (seed {result.run.config.seed}) does not count: "
        f"it is {result.run.status}."
        for result in results
        if not result.complete
    ]
    everything = sides(results)
    networks = _networks(everything)
    if not networks:
        return incomplete
    if corrections.versions_of(results):
        return [*small_parts(everything), *corrections.findings(results), *incomplete]
    references = [side for side in everything if side.is_reference]
    by_mode = {side.mode: side for side in reversed(networks + references)}  # the best of a mode
    sentences = [
        *small_parts(everything),
        _accuracies(networks, by_mode),
        _pretraining(networks, by_mode),
        _lp_ft(networks, by_mode),
        _tfidf(networks[0], by_mode),
        _average(networks[0], everything),
        _linear_probe(by_mode),
        _majority(networks, by_mode),
        _time_to_accuracy(networks),
        _mcnemar(networks, by_mode),
        _seed_range(networks),
    ]
    return [sentence for sentence in sentences if sentence] + incomplete


def small_parts(everything: Sequence[Side]) -> list[str]:
    """What in the split is too small for a comparison; earlier versions did not record all of it."""
    sentences = []
    if any(side.train_classes == 1 for side in everything):
        sentences.append("The training texts are of one class, so nothing else was learned.")
    for part, texts in (
        ("Validation", min(side.val_texts for side in everything)),
        ("The test", min(side.test_texts for side in everything)),
    ):
        if 0 < texts < FEW_TEXTS:
            noun = "text" if texts == 1 else "texts"
            sentences.append(f"{part} has only {texts} {noun}, so its accuracy says little.")
    return sentences


def _networks(everything: list[Side]) -> list[Side]:
    """The sides that are no references, most accurate first."""
    networks = [side for side in everything if not side.is_reference]
    return sorted(networks, key=lambda side: side.score, reverse=True)


def _most_accurate(networks: list[Side], ties: list[Side]) -> str:
    best, second = networks[:2]
    by_f1 = best.measure == "macro-f1"
    names = listing([side.label for side in ties])
    scores = listing([percent(side.score) for side in ties])
    if len(ties) == 1:
        control_wins = best.mode == "scratch" and second.mode == "full"
        note = ", so pretraining did not help here" if control_wins else ""
        first = f"is the most accurate: {scores} of"
        if by_f1:
            first = f"has the highest macro F1: {scores} on"
        elif _several(best):
            first = f"most often has exactly the right labels: {scores} of"
        return (
            f"{names} {first} {_texts(best, 'test texts')}, "
            f"{_points(Pair(best, second))} more than {second.label}{note}."
        )
    sample = _texts(best, "texts")
    if len(best.results) > 1:
        sample += f" and {len(best.results)} seeds"
    if len(ties) < len(networks):
        first = "have the highest macro F1" if by_f1 else "are the most accurate"
        if _several(best) and not by_f1:
            first = "most often have exactly the right labels"
        return f"{names} {first}, {scores}: too close to tell apart on {sample}."
    measure = " by macro F1" if by_f1 else " by exactly right labels" if _several(best) else ""
    return f"{names} are too close to tell apart{measure} on {sample}: {scores}."


def _fastest(networks: list[Side], ties: list[Side]) -> str:
    # From scratch is a control, not an option, and takes as long as Full.
    options = [side for side in networks if side.mode != "scratch"] or networks
    if len(options) == 1 or not all(math.isfinite(side.train_seconds) for side in options):
        return ""
    best = options[0]
    fastest, runner_up = sorted(options, key=lambda side: side.train_seconds)[:2]
    rival = runner_up if fastest is best else best
    pair = Pair(fastest, rival)
    if pair.speedup < SAME_SPEED:
        return f"{fastest.label} and {rival.label} trained about as fast."
    times = f"{duration(fastest.train_seconds)} against {duration(rival.train_seconds)}"
    speed = f"{formatting.factor(pair.speedup)} times as fast as {rival.label} ({times})"
    if fastest is best:
        return f"It trained fastest, too: {speed}."
    tied = best in ties and fastest in ties
    stated = len(ties) == 1 and networks[:2] == [best, fastest]  # by the sentence before
    price = "" if tied or stated else f", for {_points(Pair(best, fastest))} less"
    return f"{fastest.label} trained {speed}{price}."


def _accuracies(networks: list[Side], by_mode: dict[str, Side]) -> str:
    """The accuracies, where the verdict goes by macro F1."""
    if networks[0].measure == "accuracy":
        return ""
    shown = networks + [side for mode, side in by_mode.items() if mode == "majority"]
    accuracies = listing([f"{side.label} {percent(side.test_accuracy)}" for side in shown])
    if _several(networks[0]):
        return f"Texts with exactly the right labels: {accuracies}."
    return f"By accuracy, in which the large classes count most: {accuracies}."


def _pretraining(networks: list[Side], by_mode: dict[str, Side]) -> str:
    if not {"full", "scratch"} <= by_mode.keys():
        return ""
    full, scratch = by_mode["full"], by_mode["scratch"]
    pair = Pair(full, scratch)
    if pair.significant and networks[:2] == [scratch, full]:
        return ""  # the summary says so
    accuracy = f"from scratch the same training reaches {percent(scratch.score)}"
    if not pair.significant:
        return f"Whether pretraining helped cannot be told: {accuracy}, {_points(pair)} from Full."
    if pair.difference > 0:
        return f"Pretraining helped: {accuracy}, {_points(pair)} less than Full."
    return f"Pretraining did harm here: {accuracy}, {_points(pair)} more than Full."


def _lp_ft(networks: list[Side], by_mode: dict[str, Side]) -> str:
    if not {"full", "lp-ft"} <= by_mode.keys():
        return ""
    full, lp_ft = by_mode["full"], by_mode["lp-ft"]
    if full in networks[:2] and lp_ft in networks[:2]:
        return ""  # the summary says so
    pair = Pair(lp_ft, full)
    accuracy = f"{lp_ft.label} has {percent(lp_ft.score)}, {_points(pair)}"
    if not pair.significant:
        return f"Whether fitting the last layer first helped cannot be told: {accuracy} from Full."
    if pair.difference > 0:
        return f"Fitting the last layer first helped: {accuracy} more than Full."
    return f"Fitting the last layer first did harm here: {accuracy} less than Full."


def _tfidf(best: Side, by_mode: dict[str, Side]) -> str:
    if "tfidf" not in by_mode:
        return ""
    tfidf = by_mode["tfidf"]
    pair = Pair(best, tfidf)
    reached = f"{percent(tfidf.score)}, fitted in {duration(tfidf.train_seconds)}"
    if not pair.significant:
        return f"{_TFIDF} is too close to {best.label} to tell apart: {reached}."
    if pair.difference > 0:
        return f"{best.label} beats {_TFIDF} ({reached}) by {_points(pair)}."
    return f"No network beats {_TFIDF}: {reached}, {_points(pair)} more than {best.label}."


def _average(best: Side, everything: list[Side]) -> str:
    if (side := average(everything)) is None:
        return ""
    pair = Pair(side, best)
    reached = f"Averaged with TF-IDF, {best.label} reaches {percent(side.score)}"
    if not pair.significant:
        return f"{reached}: too close to {best.label} alone to tell apart."
    return f"{reached}, {_points(pair)} {'more' if pair.difference > 0 else 'less'} than alone."


def _linear_probe(by_mode: dict[str, Side]) -> str:
    if not {"linear-probe", "last-layer"} <= by_mode.keys():
        return ""
    probe, last_layer = by_mode["linear-probe"], by_mode["last-layer"]
    return (
        f"The best that any last layer can do on the frozen body is {percent(probe.score)}; "
        f"this one has {percent(last_layer.score)}."
    )


def _majority(networks: list[Side], by_mode: dict[str, Side]) -> str:
    if "majority" not in by_mode:
        return ""
    pairs = [Pair(side, by_mode["majority"]) for side in networks]
    poor = [pair.first.label for pair in pairs if not (pair.significant and pair.difference > 0)]
    if not poor:
        return ""
    subject = f"{listing(poor)} {'is' if len(poor) == 1 else 'are'}"
    accuracy = percent(by_mode["majority"].score)
    same = "giving all texts the same labels"
    if not _several(networks[0]):
        same = "always naming the most frequent class"
    return f"{subject} no better than {same} ({accuracy})."


def _time_to_accuracy(networks: list[Side]) -> str:
    """When each side reached the highest of LEVELS that any reached."""
    if any(0 < side.val_texts < FEW_TEXTS for side in networks):
        return ""
    for level in reversed(LEVELS):
        times = {side.label: side.seconds_to(level) for side in networks}
        reached = {label: seconds for label, seconds in times.items() if seconds is not None}
        if reached:
            order = sorted(reached, key=reached.__getitem__)
            of = "'s macro F1" if networks[0].measure == "macro-f1" else ""
            first = listing([f"{duration(reached[label])} in {label}" for label in order])
            never = [side.label for side in networks if side.label not in reached]
            rest = f"; {listing(never)} never did" if never else ""
            return f"Validation{of} first passed {level:.0%} after {first}{rest}."
    return ""


def _mcnemar(networks: list[Side], by_mode: dict[str, Side]) -> str:
    """McNemar's test of full against last layer, else of the two most accurate sides."""
    if len(networks) < 2:
        return ""
    pair = Pair(*networks[:2])
    if {"full", "last-layer"} <= by_mode.keys():
        pair = Pair(by_mode["full"], by_mode["last-layer"])
    if not pair.discordant:
        return ""
    seed, (first, second) = next(iter(pair.discordant.items()))
    texts_are = "1 text" if first == 1 else f"{first:,} texts"
    counts = f"{pair.first.label} alone is right on {texts_are}"
    counts += f" and {pair.second.label} alone on {second:,}"
    p_values = list(pair.p_values.values())
    if len(p_values) == 1:
        return f"{counts}: {_chance(p_values[0])} (McNemar's test, {_p(p_values[0])})."
    texts = [_p(p) for p in p_values]
    by_seed = f"{texts[0]} with every seed" if len(set(texts)) == 1 else listing(texts)
    return f"With seed {seed}, {counts}. McNemar's test, seed by seed: {by_seed}."


def _seed_range(networks: list[Side]) -> str:
    ranges = [
        f"{side.label} {percent(min(side.scores))} to {percent(max(side.scores))}"
        for side in networks
        if len(side.results) > 1
    ]
    if not ranges:
        return "One seed each: another may shift every figure by a point or so."
    return f"From seed to seed: {listing(ranges)}."


def _several(side: Side) -> bool:
    """Whether a text may have several labels."""
    return side.micro_f1 is not None


def _chance(p: float) -> str:
    return "hardly chance" if p < 0.01 else "unlikely chance" if p < 0.05 else "it may be chance"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _texts(side: Side, noun: str) -> str:
    """The number of test texts; says so if they are synthetic."""
    synthetic = "synthetic " if datasets.is_synthetic(side.results[0].run.config.dataset) else ""
    return f"{side.test_texts:,} {synthetic}{noun}"


def _points(pair: Pair) -> str:
    """The difference in percentage points."""
    return formatting.points(pair.difference, pair.margin)
