"""Whether the probabilities of the models of a comparison are right, for its report."""

from collections.abc import Sequence
from contextlib import suppress

import plotly.graph_objects as go

from ftcore.colours import model_colour
from ftcore.errors import UnfreezeError
from ftcore.experiments.comparison import Side
from ftcore.inference import temperature
from ftcore.inference.calibration_measures import by_threshold
from ftcore.models import calibration, checkpoints
from pages.components.charts.calibration_figures import answered, reliability


def figures(sides: Sequence[Side]) -> list[tuple[str, go.Figure]]:
    """By name: reliability, and accuracy by threshold, of the first seed of each side with answers.

    They are those of the calibrated model if it is calibrated, and still on this disk.
    """
    drawn = []
    for side in sides:
        run, look = side.results[0].run, side.results[0].diagnostics
        if look is None or not len(look.probabilities) or look.thresholds:
            continue
        shares, after = look.probabilities, []
        with suppress(UnfreezeError):
            if kept := calibration.read(checkpoints.find(run.run_id)):
                scores = temperature.scores(shares)
                shares = temperature.probabilities(scores, kept.temperature)
                after = temperature.reliability(shares, look.truth)
        before = temperature.reliability(look.probabilities, look.truth)
        about = side.label, model_colour(side.mode)
        drawn.append((f"reliability-{side.mode}", reliability(before, after, *about)))
        drawn.append((f"answered-{side.mode}", answered(by_threshold(shares, look.truth), *about)))
    return drawn
