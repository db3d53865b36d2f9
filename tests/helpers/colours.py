"""Legibility of colours, as the Web Content Accessibility Guidelines (WCAG 2) define it."""


def contrast(first: str, second: str) -> float:
    """The contrast of two `#RRGGBB` colours, from 1 to 21; text needs 4.5 to be legible."""
    dark, light = sorted(map(_luminance, (first, second)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
