"""A reference line: logistic regression on TF-IDF of words and pairs of words.

It reads what the networks beside it read: texts as the tokenizer of new models normalises them.
"""

from collections.abc import Sequence
from pathlib import Path

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

    texts = [dataset.train.texts[row] for row in rows]
    labels = [dataset.train.labels[row] for row in rows]
    options = {"ngram_range": (1, 2), "min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    vectorizer = TfidfVectorizer(
        preprocessor=lambda text: word_rules.CURRENT.normalize(text).lower(), **options
    )
    by_class = None if weights is None else dict(enumerate(weights.tolist()))
    try:
        model = LogisticRegression(C=10, max_iter=300, class_weight=by_class)
        model.fit(vectorizer.fit_transform(texts), labels)
    except ValueError:
        raise UnfreezeError(
            "These training texts are too few for TF-IDF: it needs two classes, and words that "
            "occur more than once; take more training texts."
        ) from None

    classes = len(dataset.labels)
    return lambda texts: reference.predict(model, vectorizer.transform(texts), classes)
