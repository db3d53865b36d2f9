"""Labels beside the markers of a chart, placed so that none covers another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LETTER, LINE, GAP = 7.5, 16.0, 6.0  # pixels
Box = tuple[float, float, float, float]  # left, right, bottom, top


@dataclass(frozen=True)
class Marker:
    """A round marker with its label; in pixels from the plot's lower left corner."""

    label: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> Box:
        r = self.radius
        return self.x - r, self.x + r, self.y - r, self.y + r


def place_labels(
    markers: Sequence[Marker], taken: Sequence[Box], width: float
) -> list[dict[str, Any]]:
    """Where to anchor each label, as arguments of plotly's annotations: beside, above or below its marker.

    The first position that is free in a plot of this width, else the one that covers least.
    """
    boxes = [*taken, *(marker.box for marker in markers)]

    def covered(box: Box) -> float:
        outside = max(0.0, -box[0]) + max(0.0, box[1] - width)
        return outside + sum(_overlap(box, other) for other in boxes)

    anchors = []
    for marker in markers:
        box, anchor = min(_positions(marker), key=lambda position: covered(position[0]))
        boxes.append(box)
        anchors.append(anchor)
    return anchors


def _positions(marker: Marker) -> list[tuple[Box, dict[str, Any]]]:
    x, y, radius = marker.x, marker.y, marker.radius
    shift, length = radius + GAP, LETTER * len(marker.label)
    middle, above, below = y - LINE / 2, y + radius + 2, y - radius - 2 - LINE
    corners = [
        (x + shift, middle, {"xanchor": "left", "yanchor": "middle", "xshift": shift}),
        (x - shift - length, middle, {"xanchor": "right", "yanchor": "middle", "xshift": -shift}),
        (x, above, {"xanchor": "left", "yanchor": "bottom", "yshift": radius}),
        (x, below, {"xanchor": "left", "yanchor": "top", "yshift": -radius}),
        (x - length, above, {"xanchor": "right", "yanchor": "bottom", "yshift": radius}),
        (x - length, below, {"xanchor": "right", "yanchor": "top", "yshift": -radius}),
    ]
    return [((left, left + length, low, low + LINE), anchor) for left, low, anchor in corners]


def _overlap(box: Box, other: Box) -> float:
    """The side of a square with the area that two boxes share."""
    width = min(box[1], other[1]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[2], other[2])
    return math.sqrt(width * height) if width > 0 and height > 0 else 0.0
