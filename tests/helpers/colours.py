"""Legibility of colours (Web Content Accessibility Guidelines, WCAG 2), and how alike they look."""

from collections.abc import Sequence

# Linear RGB as people without red or green cones see it (Machado et al. 2009).
_SIGHT = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
# Linear RGB → cones → lightness and two opponent colours (OKLab, Ottosson 2020).
_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_OPPONENTS = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def contrast(first: str, second: str) -> float:
    """The contrast of two `#RRGGBB` colours, from 1 to 21; text needs 4.5 to be legible."""
    dark, light = sorted(map(_luminance, (first, second)))
    return (light + 0.05) / (dark + 0.05)


def perceived(colour: str, sight: str = "full") -> list[float]:
    """A point in OKLab, where distances are differences that people see; two hues are 0.1 or more apart."""
    seen = [min(1.0, max(0.0, v)) for v in _product(_SIGHT[sight], _linear(colour))]
    return _product(_OPPONENTS, [v ** (1 / 3) for v in _product(_CONES, seen)])


def _product(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _luminance(colour: str) -> float:
    return sum(
        share * v for share, v in zip((0.2126, 0.7152, 0.0722), _linear(colour), strict=True)
    )


def _linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
