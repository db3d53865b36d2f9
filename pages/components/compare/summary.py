"""What the finished runs of a comparison show, in sentences and figures."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ftcore import formatting
from ftcore.colours import model_colour
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from pages.components.charts.palette import mode_badge
from pages.components.text.labels import accuracy_title

PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Summary:
    """The content of a finished comparison, apart from its charts."""

    verdict: list[tuple[str, str]]  # see `coloured_parts`
    further: list[str]
    table: pd.DataFrame  # `results_table` with Markdown
    caption: str  # what the figures of the table mean


def summarize(results: list[Result]) -> Summary:
    """The verdict, further sentences and the table of sides."""
    sides = comparison.sides(results)
    table = pd.DataFrame(results_table(sides))
    if sides:
        table["Mode"] = [mode_badge(side.mode, side.label) for side in sides]
        score = table.columns[1]
        table[score] = "**" + table[score].str.replace("%", "%**", n=1)
    parts = coloured_parts(verdict.summary(results), sides)
    return Summary(parts, verdict.findings(results), table, table_caption(sides))


def coloured_parts(sentence: str, sides: Sequence[Side]) -> list[tuple[str, str]]:
    """The sentence in parts: names of sides with their colour, other text with an empty one."""
    colours = {side.label: model_colour(side.mode) for side in sides}
    names = "|".join(re.escape(name) for name in sorted(colours, key=len, reverse=True))
    parts = re.split(rf"(?<!\w)({names})(?!\w)", unbroken(sentence)) if names else [sentence]
    return [(text, colours.get(text, "")) for text in parts if text]


def unbroken(sentence: str) -> str:
    """The sentence with no-break spaces in its figures: 3 s, 5.2 ± 1.9 points."""
    return re.sub(r"(?<=[\d±]) (?=[\d±]|s\b|min\b|points)", "\N{NO-BREAK SPACE}", sentence)


def results_table(sides: Sequence[Side]) -> list[dict[str, str]]:
    """A row for each side, as plain text by column."""
    over_seeds = any(side.seed_interval for side in sides)
    return [_row(side, over_seeds) for side in sides]


def table_caption(sides: Sequence[Side]) -> str:
    """What the figures of `results_table` mean."""
    caption = "± is half of a 95% interval."
    parameters = max((side.parameters for side in sides), default=0)
    if parameters:
        caption += f" Trained parameters as a share of all {parameters:,}."
    return caption


def _row(side: Side, over_seeds: bool) -> dict[str, str]:
    score = f"{side.score:.1%}{PLUS_MINUS}{_half_width(side.text_interval)}"
    row = {"Mode": side.label}
    several = side.micro_f1 is not None
    accuracy = f"Test {accuracy_title(several).lower()}"
    if side.measure == "macro-f1":
        row |= {"Macro F1": score, accuracy: formatting.percent(side.test_accuracy)}
    else:
        row[accuracy] = score
    if several:
        row["Micro F1"] = formatting.percent(side.micro_f1)
    elif side.measure == "macro-f1":
        row["Balanced accuracy"] = formatting.percent(side.balanced_accuracy)
    if over_seeds:
        interval = side.seed_interval
        spread = f"± {_half_width(interval)}" if interval else formatting.MISSING
        row |= {"From seed to seed": spread, "Seeds": str(len(side.results))}
    row["Training"] = formatting.duration(side.train_seconds)
    for level in verdict.LEVELS:
        seconds = None if side.is_reference else side.seconds_to(level)
        row[f"{level:.0%} after"] = formatting.duration(seconds)
    trained, total = side.trainable_parameters, side.parameters
    share = "all" if trained == total else f"{trained / max(total, 1):.2%}"
    known = trained and not side.is_reference
    row["Trained parameters"] = f"{trained:,} ({share})" if known else formatting.MISSING
    return row


def _half_width(interval: tuple[float, float]) -> str:
    """Half of an interval of shares, in points."""
    return f"{(interval[1] - interval[0]) * 50:.1f}"
