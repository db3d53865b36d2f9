"""Everything that a learning curve shows, computed once for the command line, the page and the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftcore.experiments.learning_curve import crossings, forecast, verdict
from ftcore.experiments.learning_curve.crossings import Crossing
from ftcore.experiments.learning_curve.curves import Curve, curves, size_of
from ftcore.experiments.learning_curve.forecast import Check, Forecast
from ftcore.experiments.result import Result


@dataclass(frozen=True)
class Analysis:
    """The curves and what they show; forecasts and their checks by the label of a curve."""

    curves: list[Curve]
    crossings: list[Crossing]
    forecasts: dict[str, Forecast]
    checks: dict[str, Check]
    sentence: str
    worth: list[str]
    """Where pretraining wins, and where it does not; among the findings, too."""
    findings: list[str]


def analyse(results: Sequence[Result]) -> Analysis:
    """Everything that the complete results show. Takes a moment with many test texts."""
    found = curves(results)
    measured = [curve for curve in found if curve.mode != "majority"]
    crossed = crossings.crossings(measured)
    networks = [curve for curve in measured if not curve.is_reference]
    forecasts = {curve.label: law for curve in networks if (law := forecast.forecast(curve))}
    checks = {curve.label: each for curve in networks if (each := forecast.check(curve))}
    return Analysis(
        found,
        crossed,
        forecasts,
        checks,
        verdict.sentence(found, crossed, forecasts, checks),
        verdict.worth(found),
        verdict.findings(found, crossed, checks, results),
    )


def points(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The figures of each complete run, as JSON values."""
    return [
        {
            "mode": result.run.config.mode,
            "size": size_of(result),
            "seed": result.run.config.seed,
            "test_accuracy": result.test_accuracy,
            "macro_f1": result.macro_f1,
            "val_accuracy": result.run.metrics.get("val_accuracy"),
            "train_seconds": result.train_seconds,
            "run_id": result.run.run_id,
        }
        for result in results
        if result.complete
    ]


def curve_values(curve: Curve, analysis: Analysis) -> dict[str, Any]:
    """The means of a curve with the 95% intervals of its measure, and its forecast, as JSON values."""
    means = []
    for size, side in curve.sides.items():
        low, high = side.interval
        means.append(
            {
                "size": size,
                "seeds": sorted(side.by_seed),
                "test_accuracy": side.test_accuracy,
                "macro_f1": side.macro_f1,
                "low": low,
                "high": high,
                "train_seconds": side.train_seconds,
            }
        )
    values: dict[str, Any] = {"mode": curve.mode, "label": curve.label}
    values |= {"measure": curve.measure, "points": means}
    if law := analysis.forecasts.get(curve.label):
        size = 2 * curve.sizes[-1]
        score, (low, high) = law.at(size)
        values["forecast"] = {"size": size, curve.measure: score, "low": low, "high": high}
        check = analysis.checks.get(curve.label)
        values["forecast"]["passed_check"] = check.passed if check else None
    return values
