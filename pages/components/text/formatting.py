"""Names and numbers as a page writes them."""

import math

PHASES: dict[str, str] = {
    "waiting": "Starting",
    "downloading": "Downloading",
    "reading": "Reading",
    "encoding": "Encoding",
    "vectors": "Reading word vectors",
    "features": "Computing text vectors",
    "training": "Training",
    "evaluating": "Evaluating",
    "testing": "Testing",
    "looking inside": "Looking inside",
    "saving": "Saving",
    "done": "Done",
}
NONE = "\N{EN DASH}"  # where there is no figure yet


def group_title(name: str) -> str:
    """A layer group's name; the head is called what it is to someone who fine-tunes."""
    return "New last layer" if name == "head" else name.capitalize()


def percent(share: float | None) -> str:
    """0.8731 → 87.3 %."""
    return NONE if share is None or math.isnan(share) else f"{share:.1%}"


def count(number: float) -> str:
    """25000 → 25,000."""
    return f"{number:,.0f}"


def duration(seconds: float | None) -> str:
    """75 → 1 min 15 s."""
    if seconds is None or math.isnan(seconds):
        return NONE
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def features(metrics: dict[str, float]) -> str:
    """What a last-layer run's text vectors took, and whether that is part of its training time."""
    if "features_seconds" not in metrics:
        return ""
    took = duration(metrics["features_seconds"])
    return f"kept from before, made in {took}" if metrics["features_kept"] else f"made in {took}"


def roughly(seconds: float) -> str:
    """An estimate, no finer than it is good for: 143 → 2 min."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{max(1, round(seconds / 60))} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def time_left(seconds: float, done: float, total: float | None) -> list[str]:
    """What a task still takes at its pace so far; nothing where that cannot be told yet."""
    if not total or not done or not seconds > 0.5:
        return []
    return [f"{duration(max(1, round(seconds / done * (total - done))))} left"]
