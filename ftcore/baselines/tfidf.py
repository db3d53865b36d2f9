"""A reference line: logistic regression on TF-IDF of words and pairs of words.

It reads what the networks beside it read: texts as the tokenizer of new models normalises them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ftcore.baselines import reference
from ftcore.config import FineTuneConfig
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import Facts, Task
from ftcore.text import word_rules


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Measure TF-IDF with logistic regression; see `reference.measure`."""
    trains = "Logistic regression on TF-IDF of words and pairs of words."
    facts: Facts = {"trains": trains, "tokenizer": word_rules.CURRENT.name}
    return reference.measure(config, output, fit, facts)


def fit(
    dataset: TextDataset, rows: Sequence[int], weights: np.ndarray | None = None
) -> reference.Scorer:
    """Fit to training texts, whose classes may have weights [classes].

    Raises UnfreezeError if they have one class, or no words in common.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to import
    from sklearn.linear_model import LogisticRegression

    learned = dataset.train.at(rows)
    truth = dataset.truth(learned)
    options = {"ngram_range": (1, 2), "min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    vectorizer = TfidfVectorizer(
        preprocessor=lambda text: word_rules.CURRENT.normalize(text).lower(), **options
    )
    by_class = None if weights is None else dict(enumerate(weights.tolist()))
    try:
        features = vectorizer.fit_transform(learned.texts)
        model = LogisticRegression(C=10, max_iter=300, class_weight=by_class)
        if dataset.multi_label:
            return _one_by_label(model, vectorizer, features, truth)
        model.fit(features, truth)
    except ValueError:
        raise UnfreezeError(
            "These training texts are too few for TF-IDF: it needs two classes, and words that "
            "occur more than once; take more training texts."
        ) from None

    classes = len(dataset.labels)
    return lambda texts: reference.predict(model, vectorizer.transform(texts), classes)


def _one_by_label(
    model: Any, vectorizer: Any, features: Any, truth: np.ndarray
) -> reference.Scorer:
    """Fit a model to each label, yes or no; one that all texts have, or none, has no other probability."""
    from sklearn.base import clone

    models = [
        clone(model).fit(features, column) if len(np.unique(column)) == 2 else column[0]
        for column in truth.T
    ]

    def score(texts: Sequence[str]) -> np.ndarray:
        features = vectorizer.transform(texts)
        columns = [
            np.full(len(texts), float(each))
            if isinstance(each, np.bool_)
            else each.predict_proba(features)[:, 1]
            for each in models
        ]
        return np.stack(columns, axis=1)

    return score
