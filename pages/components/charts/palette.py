"""Badges, and texts on a colour; `ftcore.colours` has the colours of modes and classes."""

from ftcore.colours import model_colour

DARK, LIGHT = "#11141A", "#FFFFFF"  # text on a colour

BADGES: dict[str, str] = {
    "queued": "gray",
    "running": "blue",
    "paused": "violet",
    "finished": "green",
    "stopped": "orange",
    "failed": "red",
    "interrupted": "red",
    "unreadable": "gray",
}
"""The colour of a run's status in `st.badge` and Markdown."""


def mode_badge(mode: str, title: str) -> str:
    """A title on the colour of a mode, in Markdown."""
    colour, plain = model_colour(mode), title.replace("[", "(").replace("]", ")")
    text = f" {plain} ".replace(" ", "\N{NO-BREAK SPACE}")  # two of them in place of a margin
    return f':color[{text}]{{foreground="{text_on(colour)}" background="{colour}"}}'


def text_on(colour: str) -> str:
    """DARK or LIGHT, whichever has the higher contrast with the colour (WCAG 2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return LIGHT if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.056 else DARK
