"""Plans a learning curve: each mode on each number of training texts, with each seed."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftcore.config import SETTINGS, FineTuneConfig, generated_name
from ftcore.data import datasets
from ftcore.earlier_settings import current_names
from ftcore.errors import UsageError
from ftcore.experiments.plan import distinct_seeds, networks_and_references
from ftcore.modes import REFERENCES
from ftcore.validation import printable

ALL = "all"
# Settings unless they are given. Validations of a few hundred texts would take longer than training on 25.
DEFAULTS = {"keep_model": False, "evaluations": 0}
LEAST_STEPS = 200  # of the lesson's model, within MOST_PASSES
MOST_PASSES = 20


def parse_sizes(text: str) -> list[int]:
    """Numbers of training texts by commas, ascending; `all` is 0 and comes last. Raises UsageError."""
    sizes = {parse_size(part) for part in text.split(",") if part.strip()}
    if len(sizes) < 2:
        raise UsageError(
            "A learning curve needs two numbers of texts or more, such as 100,500,all."
        )
    return sorted(sizes, key=size_rank)


def parse_size(text: str) -> int:
    """A number of training texts, 0 for `all`. Raises UsageError."""
    text = text.strip()
    if text.lower() == ALL:
        return 0
    if not re.fullmatch("[1-9][0-9]{0,7}", text):
        raise UsageError(
            f"A number of training texts is {printable(text)!r}; give a whole number, or {ALL}."
        )
    return int(text)


def plan(
    settings: Mapping[str, Any],
    modes: Sequence[str],
    sizes: Sequence[int],
    seeds: Iterable[int],
    references: bool = True,
    one_seed_from: int | None = None,
    rates: Mapping[str, float] | None = None,
) -> list[FineTuneConfig]:
    """The runs of a learning curve; `sizes` as from `parse_sizes`.

    A seed draws the same texts in all modes, and fewer texts are the first of more. Each mode takes the
    epochs, the batch size and the rate that it has by default for so many texts, unless `settings` or `rates`
    (mode → learning rate) give them; the lesson's model takes more passes over few texts, as a few steps
    teach it nothing. From `one_seed_from` texts on only the first seed runs: large samples differ little and
    cost most. Seeds are the outer loop: after the first one the curves are whole. The
    majority class is measured once. No model is kept unless `settings` say so. Raises UsageError.
    """
    settings = DEFAULTS | current_names(settings)
    seeds, rates = distinct_seeds(seeds), rates or {}
    networks, lines = networks_and_references(settings, modes, references)
    _check_sizes(settings, sizes)
    runs: list[FineTuneConfig] = []
    for seed in seeds:
        for size in sizes:
            if (
                seed != seeds[0]
                and one_seed_from is not None
                and size_rank(size) >= size_rank(one_seed_from)
            ):
                continue
            for mode in [*networks, *lines]:
                rate = {"learning_rate": rates[mode]} if mode in rates else {}
                about = {"mode": mode, "seed": seed, "limit": size}
                config = _with_passes(FineTuneConfig.from_dict(settings | about | rate), settings)
                detail = f"{size_title(size)} texts · seed {seed}"
                name = generated_name([mode], config.dataset, detail)
                runs.append(replace(config, name=name))
    majority = next((run for run in runs if run.mode == "majority"), None)
    return [run for run in runs if run.mode != "majority" or run is majority]


def _check_sizes(settings: Mapping[str, Any], sizes: Sequence[int]) -> None:
    """Raise UsageError if the data has fewer texts, or too few labels.

    Files of one's own (`source`) may have any number of texts.
    """
    name = settings.get("dataset", SETTINGS["dataset"].default)
    spec = datasets.find_spec(name)
    datasets.check_trainable(name)
    if max(sizes) > spec.training_size and not settings.get("source"):
        raise UsageError(
            f"The dataset {spec.title} has {spec.training_size:,} training texts: give smaller numbers, "
            f"or {ALL}."
        )


def _with_passes(config: FineTuneConfig, settings: Mapping[str, Any]) -> FineTuneConfig:
    """The lesson's model with more passes over few texts, where its body trains and none are given."""
    given = settings.keys() & {"epochs", "steps", "minutes"}
    if (
        given
        or config.encoder
        or config.head_alone
        or config.mode in REFERENCES
        or not config.limit
    ):
        return config
    passes = math.ceil(LEAST_STEPS / math.ceil(config.limit / config.batch_size))
    return replace(config, epochs=max(config.epochs, min(MOST_PASSES, passes)))


def size_title(size: int) -> str:
    """A number of training texts in words: 500, or all."""
    return f"{size:,}" if size else ALL


def size_rank(size: int) -> float:
    """Sort key of a size: all texts are the most."""
    return size or float("inf")
