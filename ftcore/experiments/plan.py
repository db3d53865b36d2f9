"""The paired experiment: the same start, texts, order and evaluations, in several modes.

An experiment is the runs that carry its id. Exported, it is a folder that needs no record to be read:

    experiment.json     its name and its runs
    <mode>-<seed>/      history.csv, watched.csv, and what insights.py writes
"""

import contextlib
import functools
import json
import math
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ftcore import paths, tracking, validation
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig, mode_defaults, mode_title
from ftcore.diagnostics import insights
from ftcore.diagnostics.insights import Insights
from ftcore.errors import UnfreezeError
from ftcore.experiments import records
from ftcore.runs import queue
from ftcore.storage import files
from ftcore.tracking import Run

BUNDLED = "sample"  # the id of the experiment that comes with Unfreeze
EPOCHS = mode_defaults("gradual").epochs  # where nobody says otherwise: it opens a group in each
EVALUATIONS = 20  # at least, a run: enough to see when each mode passed an accuracy
FORMAT = 1
_PATHS = ("source", "own_data", "vectors")  # settings of this machine alone
_RECORD, _HISTORY, _WATCHED = "experiment.json", "history.csv", "watched.csv"


@dataclass(frozen=True)
class Result:
    """A run and what came of it; tables as `tracking.history` and `tracking.watched` return them."""

    run: Run
    history: pd.DataFrame
    watched: pd.DataFrame
    insights: Insights | None


def plan(
    base: FineTuneConfig,
    modes: Sequence[str],
    seeds: Iterable[int],
    rates: Mapping[str, float] | None = None,
    references: bool = True,
) -> list[FineTuneConfig]:
    """The runs that compare modes fairly: `base` in each, its epochs included, seed by seed.

    Learning rate and layer decay are the mode's own, but for what `rates` says, and where `base` departs
    from its own mode's default.
    Seeds are outermost: the first round already compares all modes, and each further one makes it surer.
    References come last and once, with the first seed, as they hardly depend on it.
    """
    seeds = list(dict.fromkeys(seeds))
    networks = [mode for mode in dict.fromkeys(modes) if mode not in REFERENCES]
    if not modes or not seeds:
        raise UnfreezeError("An experiment needs at least one mode and one seed; name some.")
    rates, usual = rates or {}, mode_defaults(base.mode)
    rate = base.learning_rate if base.learning_rate != usual.learning_rate else 0.0
    # One size for all, as only then they take the same batches.
    batch = (
        base.batch_size if base.batch_size != usual.batch_size else mode_defaults("full").batch_size
    )
    decay = base.layer_decay if base.layer_decay != usual.layer_decay else 0.0
    evaluations = max(base.evaluations, math.ceil(EVALUATIONS / base.epochs))
    planned = []
    for seed in seeds:
        for mode in networks:
            planned.append(
                replace(
                    base,
                    mode=mode,
                    seed=seed,
                    evaluations=evaluations,
                    name=_name(base, mode, seed),
                    learning_rate=rates.get(mode, rate),
                    layer_decay=decay,
                    batch_size=batch,
                )
            )
    lines = [mode for mode in REFERENCES if mode in modes or (references and _fits(mode, base))]
    return planned + [
        replace(base, mode=mode, seed=seeds[0], name=_name(base, mode, seeds[0])) for mode in lines
    ]


def _fits(reference: str, base: FineTuneConfig) -> bool:
    """Whether there is what the reference stands on."""
    return reference != "best-head" or base.checkpoint not in ("", NEW_MODEL)


def submit(configs: Sequence[FineTuneConfig], name: str = "") -> str:
    """Queue the runs of an experiment and return its id.

    Raises UnfreezeError where one cannot be queued; those that were are discarded.
    """
    for config in configs:
        queue.check(config)
    experiment, name = new_id(), name or title(configs)
    queued: list[str] = []
    try:
        for config in configs:
            queued.append(queue.submit(config, experiment, name))
    except UnfreezeError:
        for run_id in reversed(queued):
            with contextlib.suppress(UnfreezeError):
                queue.discard(run_id)
        raise
    return experiment


def new_id() -> str:
    """An id for an experiment to be."""
    return uuid.uuid4().hex[:12]


def title(configs: Sequence[FineTuneConfig]) -> str:
    """What to call an experiment that nobody named."""
    modes = dict.fromkeys(mode_title(one.mode) for one in configs if one.mode not in REFERENCES)
    return f"{', '.join(modes)} · {configs[0].dataset} · {datetime.now():%d %b %H:%M}"


def listed() -> pd.DataFrame:
    """Experiments, newest first and the bundled one last: experiment, name, started, runs, status."""
    runs = tracking.runs()
    rows = [
        _row(str(experiment), group["experiment_name"].iloc[0], group["started"], group["status"])
        for experiment, group in runs[runs["experiment"] != ""].groupby("experiment", sort=False)
    ]
    if bundled := _bundled():
        states = [one.run.status for one in bundled]
        rows.append(_row(BUNDLED, bundled[0].run.experiment_name, [bundled[0].run.created], states))
    return pd.DataFrame(rows, columns=["experiment", "name", "started", "runs", "status"])


def run_ids(experiment: str) -> list[str]:
    """Ids of an experiment's runs, in their order. Raises UnfreezeError where there are none."""
    if experiment == BUNDLED:
        found = [one.run.run_id for one in _bundled()]
    else:
        runs = tracking.runs()
        found = runs.loc[(runs["experiment"] == experiment) & (experiment != ""), "run_id"].tolist()
        found.reverse()
    if not found:
        raise UnfreezeError(
            f"There is no experiment {validation.printable(experiment)!r}; the Compare page and "
            "`python -m ftcore experiments` list what there is."
        )
    return found


def load(which: str | Sequence[str]) -> list[Result]:
    """The runs of an experiment, or those of some ids, with what came of them. Raises UnfreezeError."""
    ids = run_ids(which) if isinstance(which, str) else which
    bundled = {one.run.run_id: one for one in _bundled()}
    return [bundled[run_id] if run_id in bundled else _result(run_id) for run_id in ids]


def export(experiment: str, target: Path) -> None:
    """Write an experiment to a folder that does not exist yet, without paths of this machine."""
    with files.new_folder(target) as staging:
        results = load(experiment)
        if any(one.run.live for one in results):
            raise UnfreezeError("This experiment is not over; export it when it is.")
        runs: list[dict[str, Any]] = []
        for one in results:
            folder = f"{one.run.config.mode}-{one.run.config.seed}"
            if (staging / folder).exists():  # the same mode and seed with other settings
                folder = f"{folder}-{len(runs)}"
            runs.append({"folder": folder, **_plain(one.run)})
            for table, file in ((one.history, _HISTORY), (one.watched, _WATCHED)):
                content = table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
                files.write(staging / folder / file, content.encode())
            if one.insights is not None:
                insights.write(staging / folder, one.insights)
        record = {"format": FORMAT, "name": results[0].run.experiment_name, "runs": runs}
        files.write(staging / _RECORD, json.dumps(record, indent=1).encode())


def read(folder: Path) -> list[Result]:
    """An exported experiment, known by the name of its folder. Raises UnfreezeError."""
    try:
        record = validation.read_json(folder / _RECORD)
        newer = record["format"] > FORMAT
        results = (
            [] if newer else [_read_run(folder, one, record["name"]) for one in record["runs"]]
        )
        if not newer and len({one.run.run_id for one in results}) < max(1, len(record["runs"])):
            raise ValueError("no run, or one twice")
    except insights.UNREADABLE:
        raise UnfreezeError(
            f"{folder} holds no experiment that can be read; export it again."
        ) from None
    if newer:
        raise UnfreezeError(f"{folder} was written by a newer version; update to open it.")
    return results


def _read_run(folder: Path, values: Mapping[str, Any], name: str) -> Result:
    """A run of an exported experiment. Raises any of insights.UNREADABLE where it is in disorder."""
    if not re.fullmatch(r"[\w-]+", values["folder"]):
        raise ValueError("a folder elsewhere")
    folder, experiment = folder / values["folder"], folder.name
    run = _as_run({**values, "experiment": experiment, "experiment_name": name})
    records.check_run(run)
    history, watched = _table(folder / _HISTORY), _table(folder / _WATCHED)
    look = insights.read(folder)
    records.check_history(history)
    if len(watched) or look is not None:  # a run that began, so it knows its data
        labels = run.facts["labels"].split(", ")
        if not run.facts["dataset_fingerprint"]:
            raise ValueError("no data")
        records.check_watched(watched, run.config.watched, labels)
    return Result(run, history, watched, look)


def _result(run_id: str) -> Result:
    run = tracking.run(run_id)
    look = _look_at_finished if run.status == "finished" else _look
    return Result(run, *look(run_id))


def _look(run_id: str) -> tuple[pd.DataFrame, pd.DataFrame, Insights | None]:
    return tracking.history(run_id), tracking.watched(run_id), insights.load(run_id)


_look_at_finished = functools.lru_cache(maxsize=64)(_look)  # those change no more


def _bundled() -> list[Result]:
    """The experiment that comes with Unfreeze; nothing where it is missing or broken."""
    try:
        return _read_once(paths.BUNDLED_EXPERIMENTS / BUNDLED)
    except UnfreezeError:
        return []


_read_once = functools.cache(read)


def _table(file: Path) -> pd.DataFrame:
    """A table of numbers by step, as it was before it became text."""
    table = pd.read_csv(file)
    numbers = table.columns.difference(["split", "step", "sentence", "label"])
    return table.astype(dict.fromkeys(numbers, float))


def _row(
    experiment: str, name: str, started: Sequence[datetime], states: Iterable[str]
) -> dict[str, Any]:
    """Running while one runs, else queued while one waits, finished where all are, else what went wrong."""
    states = list(states)
    return {
        "experiment": experiment,
        "name": name,
        "started": min(started),
        "runs": len(states),
        "status": min(states, key=records.STATUSES.index),
    }


def _name(base: FineTuneConfig, mode: str, seed: int) -> str:
    return f"{mode_title(mode)} · {base.dataset} · seed {seed}"


def _plain(run: Run) -> dict[str, Any]:
    """A run as JSON can hold it, without paths and hosts."""
    config = run.config.to_dict() | dict.fromkeys(_PATHS, "")
    data = str(run.facts.get("data_from", ""))
    if run.config.source:
        data = Path(run.config.source).name
    return asdict(run) | {
        "config": config,
        "facts": run.facts | {"data_from": data},
        "phase_seconds": 0.0,
        "created": run.created.isoformat(timespec="seconds"),
        "host": "",
        "pid": 0,
    }


def _as_run(values: Mapping[str, Any]) -> Run:
    """The inverse of `_plain`; names it does not know are passed over."""
    known = {one.name for one in fields(Run)}
    config = FineTuneConfig.from_dict(values["config"])
    created = datetime.fromisoformat(values["created"])
    rest = {name: value for name, value in values.items() if name in known}
    return Run(**rest | {"config": config, "created": created})
