"""Reference lines: what the majority class, and TF-IDF with logistic regression, reach on the same texts."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.diagnostics import results
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Finished, Progress, Started, Task

_TRAINS = {
    "majority": "Always says the class that most training texts have.",
    "tfidf": "Logistic regression on TF-IDF of words and pairs of words.",
}
Scorer = Callable[[Sequence[str]], np.ndarray]  # texts → probabilities [texts, classes]


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Fit and test the reference that the config's mode names; the last event is `Finished`.

    It sees the same split as a training with these settings, leaves its answers in the folder `output`
    (see diagnostics/results.py), and no checkpoint. Raises UnfreezeError where the data cannot be used.
    """
    began = time.perf_counter()
    dataset = yield from datasets.load(config.dataset, config.source)
    train_rows, val_rows = datasets.split(len(dataset.train.texts), config.seed, config.limit)
    yield Started(
        {
            "dataset_fingerprint": dataset.fingerprint,
            "split_fingerprint": datasets.split_fingerprint(dataset, train_rows, val_rows),
            "data_from": dataset.source,
            "labels": ", ".join(dataset.labels),
            "train_texts": len(train_rows),
            "val_texts": len(val_rows),
            "test_texts": len(dataset.test.texts),
            "steps": 1,
            "trains": _TRAINS[config.mode],
        },
        ("A reference line: no network is trained, and no model is kept.",),
    )
    yield Progress("training", 0, None)
    clock = time.perf_counter()
    scorer = (tfidf if config.mode == "tfidf" else _majority)(dataset, train_rows)
    seconds = time.perf_counter() - clock

    def evaluate(split: Literal["val", "test"]) -> tuple[Evaluation, Diagnostics]:
        whole = dataset.train if split == "val" else dataset.test
        rows = val_rows if split == "val" else range(len(whole.texts))
        labels = np.array([whole.labels[row] for row in rows])
        probabilities = scorer([whole.texts[row] for row in rows])
        found = evaluation(split, probabilities, labels, seconds, len(train_rows))
        return found, Diagnostics(dataset.labels, labels, probabilities.astype(np.float32))

    yield Progress("evaluating", 0, len(val_rows), "texts")
    validated, _ = evaluate("val")
    yield validated
    yield Progress("testing", 0, len(dataset.test.texts), "texts")
    tested, answers = evaluate("test")
    yield tested
    message = f"{tested.accuracy:.1%} of {len(dataset.test.texts):,} test texts are right."
    if output is not None:
        message += results.store(output, dataset, answers)
    yield Finished("finished", message, figures(began, validated, tested))


def evaluation(
    split: Literal["val", "test"],
    probabilities: np.ndarray,
    labels: np.ndarray,
    seconds: float,
    examples: int,
) -> Evaluation:
    """Figures of the probabilities [texts, classes] that a reference gives, fitted to `examples` texts."""
    true = probabilities[np.arange(len(labels)), labels]
    loss = -np.log(true.clip(min=1e-9)).mean()
    accuracy = (probabilities.argmax(1) == labels).mean()
    return Evaluation(split, 0, 0.0, seconds, examples, float(loss), float(accuracy))


def figures(began: float, validated: Evaluation, tested: Evaluation) -> dict[str, float]:
    """What the last event of a reference says; `began` is when it did, as `perf_counter` tells."""
    return {
        "seconds": time.perf_counter() - began,
        "train_seconds": tested.seconds,
        "val_accuracy": validated.accuracy,
        "test_accuracy": tested.accuracy,
    }


def _majority(dataset: TextDataset, rows: Sequence[int]) -> Scorer:
    """Each class by its share of the training texts."""
    labels = [dataset.train.labels[row] for row in rows]
    shares = np.bincount(labels, minlength=len(dataset.labels)) / len(labels)
    return lambda texts: np.tile(shares, (len(texts), 1))


def tfidf(dataset: TextDataset, rows: Sequence[int]) -> Scorer:
    """Words and pairs of words of two texts or more, weighted, and a linear model over them."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to import
    from sklearn.linear_model import LogisticRegression

    texts = [dataset.train.texts[row] for row in rows]
    labels = [dataset.train.labels[row] for row in rows]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    try:
        model = LogisticRegression(C=10, max_iter=300).fit(vectorizer.fit_transform(texts), labels)
    except ValueError:  # one class alone, or no word in common
        raise UnfreezeError(
            "These training texts are too few for TF-IDF: it needs two classes, and words that "
            "occur more than once; take more training texts."
        ) from None

    def scorer(texts: Sequence[str]) -> np.ndarray:
        probabilities = np.zeros((len(texts), len(dataset.labels)))
        probabilities[:, model.classes_] = model.predict_proba(vectorizer.transform(texts))
        return probabilities

    return scorer
