"""Titles of phases and layer groups, and phrases about times, as pages show them."""

from ftcore.formatting import duration

PHASE_TITLES: dict[str, str] = {
    "waiting": "Starting",
    "downloading": "Downloading",
    "reading": "Reading",
    "examining": "Examining texts",
    "encoding": "Encoding",
    "vectors": "Reading word vectors",
    "features": "Computing text vectors",
    "activations": "Computing the frozen layers",
    "fitting": "Fitting the last layer",
    "training": "Training",
    "evaluating": "Evaluating",
    "testing": "Testing",
    "predicting": "Predicting",
    "diagnostics": "Computing diagnostics",
    "converting": "Converting",
    "saving": "Saving",
    "uploading": "Uploading",
    "done": "Done",
}


def accuracy_title(several: bool) -> str:
    """What the share of right texts is called; of `several` labels, all must be right, and no others said."""
    return "Exact match" if several else "Accuracy"


def group_title(name: str) -> str:
    """The title of a layer group; the head is the new last layer."""
    return "New last layer" if name == "head" else name.capitalize()


def feature_time(metrics: dict[str, float]) -> str:
    """How long the text vectors of a last-layer run took, and whether this run computed them."""
    if "features_seconds" not in metrics:
        return ""
    time = duration(metrics["features_seconds"])
    kept = metrics["features_kept"]  # a share of the time
    by = "computed" + (
        " by an earlier run" if kept == 1 else " in part by an earlier run" if kept else ""
    )
    return f"{by} in {time}"


def time_left(seconds: float, done: float, total: float | None) -> list[str]:
    """The time left at the pace so far, as a list of one phrase; empty while that is unknown."""
    if not total or not done or not seconds > 0.5:
        return []
    return [f"{duration(max(1, round(seconds / done * (total - done))))} left"]
