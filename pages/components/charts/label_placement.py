"""Names beside the markers of a chart, so that none covers another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LETTER, LINE, GAP = 7.5, 16.0, 6.0  # pixels
Box = tuple[float, float, float, float]  # left, right, bottom, top


@dataclass(frozen=True)
class Spot:
    """A round marker; all in pixels from the plot's lower left corner."""

    name: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> Box:
        """Where it lies."""
        r = self.radius
        return self.x - r, self.x + r, self.y - r, self.y + r


def places(spots: Sequence[Spot], taken: Sequence[Box], width: float) -> list[dict[str, Any]]:
    """How to anchor each name (as plotly's annotations say it): right or left of its marker, above or below.

    The first of them that nothing covers, in a plot of that width; else where least is covered.
    """
    boxes = [*taken, *(spot.box for spot in spots)]
    found = []
    for spot in spots:
        choices = _choices(spot)
        box, anchor = min(
            choices,
            key=lambda choice: (
                sum(_overlap(choice[0], other) for other in boxes)
                + max(0.0, -choice[0][0])
                + max(0.0, choice[0][1] - width)
            ),
        )
        boxes.append(box)
        found.append(anchor)
    return found


def _choices(spot: Spot) -> list[tuple[Box, dict[str, Any]]]:
    x, y, away, long = spot.x, spot.y, spot.radius + GAP, LETTER * len(spot.name)
    middle, above, below = y - LINE / 2, y + spot.radius + 2, y - spot.radius - 2 - LINE
    beside = [
        (x + away, middle, {"xanchor": "left", "yanchor": "middle", "xshift": away}),
        (x - away - long, middle, {"xanchor": "right", "yanchor": "middle", "xshift": -away}),
        (x, above, {"xanchor": "left", "yanchor": "bottom", "yshift": spot.radius}),
        (x, below, {"xanchor": "left", "yanchor": "top", "yshift": -spot.radius}),
        (x - long, above, {"xanchor": "right", "yanchor": "bottom", "yshift": spot.radius}),
        (x - long, below, {"xanchor": "right", "yanchor": "top", "yshift": -spot.radius}),
    ]
    return [((left, left + long, low, low + LINE), anchor) for left, low, anchor in beside]


def _overlap(one: Box, other: Box) -> float:
    """What two boxes share, as the side of a square of that area."""
    wide = min(one[1], other[1]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[2], other[2])
    return math.sqrt(wide * high) if wide > 0 and high > 0 else 0.0
