"""How long a run will take, before it starts: what it has to compute, at the pace of earlier runs."""

import math

import pandas as pd

from ftcore.config import FineTuneConfig
from ftcore.data import datasets

_VALIDATION = 0.05
# Seconds, on the 2 cores where they were measured; other machines show in the pace of their runs.
_ENCODE_TOKEN = 1.5e-6
_FORWARD_TOKEN = 4e-6
_TRAIN_TOKEN = 11e-6
_STEP = 0.005
_HEAD_STEP = 0.0005
_HEAD_TEXT = 2e-4  # of the best head, all its iterations
_START = 3.0
_REMEMBERED = 5  # runs whose pace counts


def seconds(config: FineTuneConfig, runs: pd.DataFrame) -> float:
    """From start to end. `runs` are earlier ones, newest first, as `tracking.runs` lists them."""
    finished = runs[(runs["status"] == "finished") & (runs["mode"] == config.mode)]
    paces = [
        row.seconds
        / work(
            FineTuneConfig(dataset=row.dataset, mode=row.mode, epochs=row.epochs, limit=row.limit)
        )
        for row in finished.head(_REMEMBERED).itertuples()
        if row.dataset in datasets.SPECS and row.seconds > 0
    ]
    return work(config) * (float(pd.Series(paces).median()) if paces else 1.0)


def work(config: FineTuneConfig) -> float:
    """Seconds on the machine of the constants above."""
    spec = datasets.SPECS[config.dataset]
    (texts, test), tokens = spec.sizes, spec.mean_tokens
    validation = int(texts * _VALIDATION)
    train = min(config.limit or texts, texts - validation)
    read = min(tokens, config.max_length)
    steps = config.epochs * math.ceil(train / max(1, config.batch_size))  # a reference has none
    evaluated = config.epochs * config.evaluations * validation
    total = _START + (texts + test) * tokens * _ENCODE_TOKEN + test * read * _FORWARD_TOKEN
    if config.mode in ("last-layer", "linear-probe"):  # the body runs once for each text
        head = train * _HEAD_TEXT if config.mode == "linear-probe" else steps * _HEAD_STEP
        return total + (train + validation) * read * _FORWARD_TOKEN + head
    trained = config.epochs * train * read * _TRAIN_TOKEN
    return total + trained + steps * _STEP + evaluated * read * _FORWARD_TOKEN
