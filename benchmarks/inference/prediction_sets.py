"""Sets of labels with a promise by class against one plain threshold: their sizes at the same coverage.

    python -m benchmarks.inference.prediction_sets --short | --full

AG News (`ag_news_csv` in UNFREEZE_DATA) by the bundled starter and by TF-IDF, with --full IMDB by TF-IDF as
well. The test texts are halved at random many times: one half stands for validation, the other is covered.
A plain threshold names every label of at least that probability, without a temperature and the same for all
classes. It is chosen on the covered half itself, as the highest that covers as many of its texts (`overall`),
or as many of those of its worst class (`worst`): better than it could be chosen in practice. A promise holds
on average over halvings, so the mean coverage is given for all texts and for each class.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.harness import data, report
from ftcore.baselines import tfidf
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.events import drain
from ftcore.inference import conformal, prediction, temperature

TARGET = 0.95
SHORT, FULL = 20, 100  # halvings


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    report.heading(f"Sets of labels at {TARGET:.0%}")
    with data.home():
        archive = data.archive()
        sources = {"ag_news": archive.with_name("ag_news_csv")} | (
            {"imdb": archive} if full else {}
        )
        for name, source in sources.items():
            measure(name, source, FULL if full else SHORT)


def measure(name: str, source: Path, halvings: int) -> None:
    """Compare and print, for each model of a dataset."""
    dataset = drain(datasets.load(name, str(source)))
    models = {"tfidf": _tfidf} | ({"starter": _starter} if name == "ag_news" else {})
    truth = np.array(dataset.test.labels)
    for model, answer in models.items():
        compare(f"{name}, {model}", answer(dataset), truth, halvings)


def compare(name: str, shares: np.ndarray, truth: np.ndarray, halvings: int) -> None:
    """Print means over the halvings; shares: probabilities [texts, classes]; truth: int [texts]."""
    random = np.random.default_rng(0)
    halves = [np.array_split(random.permutation(len(truth)), 2) for _ in range(halvings)]
    figures = np.mean([_halved(shares, truth, *rows) for rows in halves], 0)
    rows = ("by class", "plain threshold, overall", "plain threshold, worst class")
    report.table(
        [f"{name}: {len(truth):,} test texts", "labels a set", "covered", "of the worst class"],
        [
            [row, f"{size:.3f}", f"{covered:.1%}", f"{worst:.1%}"]
            for row, (size, covered, worst) in zip(rows, figures[:, :3], strict=True)
        ],
    )
    sizes, of_classes = figures[:, 0], figures[0, 3:]
    print(f"By class, mean of {halvings} halvings: {', '.join(f'{x:.1%}' for x in of_classes)}\n")
    report.result(
        "prediction_sets",
        data=name,
        target=TARGET,
        size=float(sizes[0]),
        halvings=halvings,
        coverage=float(figures[0, 1]),
        coverage_per_class=of_classes.tolist(),
        ratio_overall=float(sizes[1] / sizes[0]),
        ratio_worst=float(sizes[2] / sizes[0]),
    )


def _halved(
    shares: np.ndarray, truth: np.ndarray, first: np.ndarray, second: np.ndarray
) -> list[list[float]]:
    """Figures of the second half: by class, then with a plain threshold, overall and for the worst class."""
    scores = temperature.scores(shares)
    calibrated = temperature.probabilities(scores, temperature.fit(scores[first], truth[first]))
    least = conformal.thresholds(calibrated[first], truth[first], TARGET)
    raw, labels = shares[second], truth[second]
    own = raw[np.arange(len(raw)), labels]
    by_class = _figures(calibrated[second] >= least, labels)
    overall = _highest(own, by_class[1])
    worst = min(_highest(own[labels == label], by_class[2]) for label in np.unique(labels))
    return [by_class, _figures(raw >= overall, labels), _figures(raw >= worst, labels)]


def _highest(own: np.ndarray, covered: float) -> float:
    """The highest threshold that a share of texts reaches with the probabilities of their labels."""
    count = max(1, int(np.ceil(round(covered * len(own), 6))))
    return float(np.sort(own)[len(own) - count])


def _figures(sets: np.ndarray, truth: np.ndarray) -> list[float]:
    """Labels a set, coverage, that of the worst class, then that of each class."""
    covered = conformal.covered(sets, truth)
    of_classes = [float(covered[truth == label].mean()) for label in np.unique(truth)]
    return [float(sets.sum(1).mean()), float(covered.mean()), min(of_classes), *of_classes]


def _tfidf(dataset: TextDataset) -> np.ndarray:
    train, _ = datasets.split(dataset, seed=0)
    return tfidf.fit(dataset, train)(dataset.test.texts)


def _starter(dataset: TextDataset) -> np.ndarray:
    answers = prediction.predict("starter", dataset.test.texts, raw=True)
    return np.array([list(answer.probabilities.values()) for answer in answers])


if __name__ == "__main__":
    main(sys.argv[1:])
