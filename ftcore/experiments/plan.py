"""Plans and queues an experiment: runs of several modes that differ in nothing else."""

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ftcore.config import NEW_MODEL, SETTINGS, FineTuneConfig, generated_name
from ftcore.data import datasets
from ftcore.earlier_settings import current_names
from ftcore.errors import UsageError
from ftcore.modes import EARLIER_MODES, REFERENCES, mode_defaults
from ftcore.runs.scheduler import scheduler

MIN_EVALUATIONS = 20  # of a run: enough to tell when it passed an accuracy


def plan(
    settings: Mapping[str, Any],
    modes: Sequence[str],
    seeds: Iterable[int],
    rates: Mapping[str, float] | None = None,
    references: bool = True,
) -> list[FineTuneConfig]:
    """The runs that compare `modes` fairly: the same settings for each seed and mode.

    Each mode uses its default learning rate and layer decay unless `settings` gives one; `rates` (mode →
    learning rate) takes precedence. Epochs and batch size are the same in all modes, so that they see the
    same batches. Seeds are the outer loop: after the first round all modes can be compared. References come
    last and only with the first seed, as they hardly depend on it. Raises UsageError without modes or
    seeds.
    """
    settings, rates = current_names(settings), rates or {}
    seeds = distinct_seeds(seeds)
    networks, lines = networks_and_references(settings, modes, references)
    base = FineTuneConfig.from_dict({**settings, "mode": "full"})
    if "epochs" not in settings:  # gradual unfreezes a group in each epoch, so it takes the most
        base = replace(base, epochs=mode_defaults("gradual", base.recipe, base.limit).epochs)

    def name(mode: str, seed: int) -> str:
        return generated_name([mode], base.dataset, f"seed {seed}")

    same = settings | {
        "epochs": base.epochs,
        "batch_size": base.batch_size,
        "evaluations": base.evaluations
        and max(base.evaluations, math.ceil(MIN_EVALUATIONS / base.epochs)),
    }
    runs = [
        FineTuneConfig.from_dict(
            same
            | {"mode": mode, "seed": seed, "name": name(mode, seed)}
            | ({"learning_rate": rates[mode]} if mode in rates else {})
        )
        for seed in seeds
        for mode in networks
    ]
    return runs + [
        replace(base, mode=mode, seed=seeds[0], name=name(mode, seeds[0])) for mode in lines
    ]


def plan_versions(
    settings: Mapping[str, Any],
    numbers: Sequence[int],
    modes: Sequence[str],
    seeds: Iterable[int],
    references: bool = True,
) -> list[FineTuneConfig]:
    """The runs that compare two versions of stored data: those of `plan` with each, seed by seed.

    Raises UsageError if there are no such versions.
    """
    settings, seeds = current_names(settings), distinct_seeds(seeds)
    name = datasets.without_version(str(settings.get("dataset", SETTINGS["dataset"].default)))
    if not datasets.find_spec(name).stored:
        raise UsageError(
            f"The dataset {datasets.title(name)} is built in and has one version: give data of "
            "your own (--dataset)."
        )
    distinct = sorted(set(numbers))
    if len(distinct) != 2:
        raise UsageError("Two versions are compared: give their numbers, such as 0,5.")
    named = [f"{name}@{number}" for number in distinct]
    for version in named:
        datasets.find_spec(version)  # raises if there is none
    networks, lines = networks_and_references(settings, modes, references)
    rounds = [(networks, seed) for seed in seeds] if networks else []
    rounds += [(lines, seeds[0])] if lines else []
    return [
        config
        for these, seed in rounds
        for version in named
        for config in plan(settings | {"dataset": version}, these, [seed], references=False)
    ]


def distinct_seeds(seeds: Iterable[int]) -> list[int]:
    """Seeds, each once. Raises UsageError if there is none."""
    if not (distinct := list(dict.fromkeys(seeds))):
        raise UsageError("An experiment needs at least one seed.")
    return distinct


def networks_and_references(
    settings: Mapping[str, Any], modes: Sequence[str], references: bool
) -> tuple[list[str], list[str]]:
    """The modes of an experiment by their current names, each once: networks, then reference lines.

    `references` adds all lines that the checkpoint can have. Raises UsageError without a mode.
    """
    modes = list(dict.fromkeys(EARLIER_MODES.get(mode, mode) for mode in modes))
    if not modes:
        raise UsageError("An experiment needs at least one mode.")
    wanted = set(REFERENCES if references else ())
    if settings.get("checkpoint") in ("", NEW_MODEL):
        wanted.discard("linear-probe")  # it needs a pretrained body
    networks = [mode for mode in modes if mode not in REFERENCES]
    return networks, [mode for mode in REFERENCES if mode in wanted.union(modes)]


def submit(configs: Sequence[FineTuneConfig], name: str = "", person: str = "") -> str:
    """Queue the runs of an experiment of a person and return its id.

    Raises UnfreezeError, and queues none, if one of them cannot be queued.
    """
    experiment = new_id()
    scheduler.submit_all(configs, experiment, name or default_name(configs), person)
    return experiment


def new_id() -> str:
    return uuid.uuid4().hex[:12]


def default_name(configs: Sequence[FineTuneConfig]) -> str:
    """A name from the modes, the data, in two versions if they are compared, and the time."""
    modes = [config.mode for config in configs if config.mode not in REFERENCES]
    data = " → ".join(dict.fromkeys(config.dataset for config in configs))
    return generated_name(modes, data, f"{datetime.now():%d %b %H:%M}")
