"""Plans and queues an experiment: runs of several modes that differ in nothing else."""

import contextlib
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig, mode_defaults, mode_title
from ftcore.errors import UnfreezeError
from ftcore.runs.checks import check_config
from ftcore.runs.scheduler import scheduler

DEFAULT_EPOCHS = mode_defaults("gradual").epochs  # gradual unfreezes a group in each epoch
MIN_EVALUATIONS = 20  # of a run: enough to tell when it passed an accuracy


def plan(
    base: FineTuneConfig,
    modes: Sequence[str],
    seeds: Iterable[int],
    rates: Mapping[str, float] | None = None,
    references: bool = True,
) -> list[FineTuneConfig]:
    """The runs that compare `modes` fairly: the settings of `base`, for each seed and mode.

    Each mode uses its default learning rate and layer decay, unless `rates` names a rate or `base` departs
    from the defaults of its own mode. All modes use the same batch size, so that they see the same batches.
    Seeds are the outer loop: after the first round all modes can be compared. References come last and
    only with the first seed, as they hardly depend on it. Raises UnfreezeError without modes or seeds.
    """
    seeds = list(dict.fromkeys(seeds))
    if not modes or not seeds:
        raise UnfreezeError("An experiment needs at least one mode and one seed.")
    rates, defaults = rates or {}, mode_defaults(base.mode)
    rate = base.learning_rate if base.learning_rate != defaults.learning_rate else 0.0
    decay = base.layer_decay if base.layer_decay != defaults.layer_decay else 0.0
    batch_size = mode_defaults("full").batch_size
    if base.batch_size != defaults.batch_size:
        batch_size = base.batch_size
    evaluations = max(base.evaluations, math.ceil(MIN_EVALUATIONS / base.epochs))
    networks = [mode for mode in dict.fromkeys(modes) if mode not in REFERENCES]
    runs = [
        replace(
            base,
            mode=mode,
            seed=seed,
            name=_run_name(base, mode, seed),
            learning_rate=rates.get(mode, rate),
            layer_decay=decay,
            batch_size=batch_size,
            evaluations=evaluations,
        )
        for seed in seeds
        for mode in networks
    ]
    lines = [mode for mode in REFERENCES if mode in modes or (references and _fits(mode, base))]
    return runs + [
        replace(base, mode=mode, seed=seeds[0], name=_run_name(base, mode, seeds[0]))
        for mode in lines
    ]


def _fits(reference: str, base: FineTuneConfig) -> bool:
    """Whether a reference can be computed: the linear head needs a pretrained body."""
    return reference != "best-head" or base.checkpoint not in ("", NEW_MODEL)


def _run_name(base: FineTuneConfig, mode: str, seed: int) -> str:
    return f"{mode_title(mode)} · {base.dataset} · seed {seed}"


def submit(configs: Sequence[FineTuneConfig], name: str = "") -> str:
    """Queue the runs of an experiment and return its id.

    Raises UnfreezeError if a run cannot be queued; runs queued before it are discarded.
    """
    for config in configs:
        check_config(config)
    experiment, name = new_id(), name or default_name(configs)
    run_ids: list[str] = []
    try:
        for config in configs:
            run_ids.append(scheduler.submit(config, experiment, name))
    except UnfreezeError:
        for run_id in reversed(run_ids):
            with contextlib.suppress(UnfreezeError):
                scheduler.discard(run_id)
        raise
    return experiment


def new_id() -> str:
    """A new experiment id."""
    return uuid.uuid4().hex[:12]


def default_name(configs: Sequence[FineTuneConfig]) -> str:
    """A name from the modes, the dataset and the time."""
    modes = [mode_title(config.mode) for config in configs if config.mode not in REFERENCES]
    time = f"{datetime.now():%d %b %H:%M}"
    return f"{', '.join(dict.fromkeys(modes))} · {configs[0].dataset} · {time}"
