"""How long a run will take, before it starts: what it has to compute, at the pace of earlier runs."""

import itertools
import math
import statistics

import pandas as pd

from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.training import evaluation_schedule

# Seconds, on the 2 cores where they were measured; other machines show in the pace of their runs.
_ENCODE_TOKEN = 1.5e-6
_FORWARD_TOKEN = 4e-6
_TRAIN_TOKEN = 11e-6
# More for each parameter that a token passes, of which the lesson's model has few: MiniLM, with ten
# million, read 5,000 tokens a second in training and 48,000 without gradients.
_TRAIN_PARAMETER = 1.8e-11
_FORWARD_PARAMETER = 2e-12
_STEP = 0.005
_HEAD_STEP = 0.0005
_HEAD_TEXT = 2e-4  # of the best head, all its iterations
_START = 3.0
_REMEMBERED = 5  # runs whose pace counts


def seconds(config: FineTuneConfig, runs: pd.DataFrame) -> float:
    """From start to end. `runs` are earlier ones, newest first, as `tracking.runs` lists them."""
    wanted = "finished", config.mode
    earlier = zip(runs["status"], runs["mode"], runs["config"], runs["seconds"], strict=True)
    same = ((each, time) for status, mode, each, time in earlier if (status, mode) == wanted)
    paces = [
        run_seconds / work(each)
        for each, run_seconds in itertools.islice(same, _REMEMBERED)
        if (run_seconds or 0) > 0 and datasets.find(each.dataset)
    ]
    pace = statistics.median(paces) if paces else 1.0
    if config.budgeted:
        return _around_training(config) * pace + 60 * config.minutes
    return work(config) * pace


def work(config: FineTuneConfig) -> float:
    """Seconds on the machine of the constants above."""
    return _around_training(config) + _training(config)


def _around_training(config: FineTuneConfig) -> float:
    """Seconds of start, encoding and test."""
    spec = datasets.find_spec(config.dataset)
    (texts, test), tokens = spec.sizes, spec.mean_tokens
    tested = min(config.test_limit or test, test)
    read = _mean_read(tokens, config.reading.length)
    return _START + (texts + test) * tokens * _ENCODE_TOKEN + tested * read * _forward_token(config)


def _training(config: FineTuneConfig) -> float:
    """Seconds of training and validations."""
    spec = datasets.find_spec(config.dataset)
    tokens, available = spec.mean_tokens, spec.training_size
    validation = spec.sizes[0] - available
    train = min(config.limit or available, available)
    # A reference has no batch size, and data that waits for labels no training text.
    per_epoch = max(1, math.ceil(train / max(1, config.batch_size)))
    steps = config.steps or config.epochs * per_epoch
    epochs = steps / per_epoch
    read = _mean_read(tokens, config.reading.length)
    features = train * _mean_read(tokens, config.max_length) + validation * read
    features *= _forward_token(config)
    if config.mode == "last-layer":
        return features + steps * _HEAD_STEP
    fitted = features + train * _HEAD_TEXT
    if config.mode == "linear-probe":
        return fitted
    if not steps:  # a reference line
        return 0.0
    read_in_training = sum(
        min(1.0, epochs - epoch) * _mean_read(tokens, config.truncation_in(epoch).length)
        for epoch in range(math.ceil(epochs))
    )
    train_token = _TRAIN_TOKEN + _passed_parameters(config) * _TRAIN_PARAMETER
    trained = train * read_in_training * train_token + steps * _STEP
    validations = epochs * evaluation_schedule.per_epoch(
        config, read_in_training / epochs * train, validation * read, epochs
    )
    evaluated = validations * validation * read * _forward_token(config)
    return trained + evaluated + (fitted if config.mode == "lp-ft" else 0.0)


def _forward_token(config: FineTuneConfig) -> float:
    """Seconds that a token takes without gradients."""
    return _FORWARD_TOKEN + _passed_parameters(config) * _FORWARD_PARAMETER


def _passed_parameters(config: FineTuneConfig) -> int:
    """Parameters of an encoder's layers; 0 for another model, whose constants have them in."""
    if not config.encoder:
        return 0
    try:
        sizes = checkpoints.find(config.checkpoint).model.group_sizes()
    except UnfreezeError:  # it was deleted since
        return 0
    return sum(size for name, size in sizes.items() if name.startswith("layer"))


def _mean_read(mean: int, limit: int) -> float:
    """Tokens read of a text on average, if lengths follow a gamma distribution of shape 2.

    On IMDB that is within 6% of the truth at 32 to 1,024 tokens: 192 at 256 and 254 at 512.
    """
    share = limit / mean
    return mean * (1 - math.exp(-2 * share) * (1 + share))
