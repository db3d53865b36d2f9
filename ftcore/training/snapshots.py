"""The state of a run on disk, from which it resumes bit for bit after a pause or a crash.

One safetensors file, written whole or not at all; values that are not tensors are JSON in its header.

    weight.<name>           the weights that train
    optimizer.<n>.<key>     the optimizer's state of the n-th of them
    random, accelerator     torch's random state on the CPU, and on a GPU if there is one
    shuffle, sums           see `TrainingState`; shuffle is its `epoch_start`
"""

import json
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ftcore.errors import UnfreezeError, UnreadableSnapshot, panics_as_memory_errors
from ftcore.events import Evaluation, Point, Step, Watched
from ftcore.formatting import listing
from ftcore.models import tensor_files
from ftcore.storage import files, shared_runs
from ftcore.text import word_rules
from ftcore.text.word_rules import WordRule
from ftcore.training import dependencies, preparation, strategies
from ftcore.training.preparation import TrainingSetup
from ftcore.training.state import TrainingState

FORMAT = 2  # format 1 named no dependencies but the split
NAME = shared_runs.SNAPSHOT
_POINTS: dict[str, type[Point]] = {kind.__name__: kind for kind in (Step, Evaluation, Watched)}
# Of the state; earlier versions lack the last two.
COPIED = (
    *("epoch", "batch", "step", "examples", "train_seconds", "parts", "notes"),
    *("metrics", "kept_layers"),
)


@dataclass(frozen=True)
class Snapshot:
    """The content of a snapshot file."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def path(output: Path) -> Path:
    """The snapshot file of the run whose checkpoint is the folder `output`."""
    return output.with_name(NAME)


@panics_as_memory_errors()
def save(setup: TrainingSetup, state: TrainingState) -> None:
    """Write the state of a run between two steps. Raises OSError."""
    began = time.monotonic()
    weights = strategies.trained_weights(state.model, setup.config)
    tensors = {f"weight.{name}": weight.detach() for name, weight in weights.items()}
    for number, entries in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": value for key, value in entries.items()}
    tensors |= {"random": torch.get_rng_state(), "shuffle": state.epoch_start, "sums": state.sums}
    if setup.device.type == "cuda":
        tensors["accelerator"] = torch.cuda.get_rng_state(setup.device)
    schedule = state.schedule.state_dict()
    del schedule["lr_lambdas"]  # functions, which the config brings back
    values = {name: getattr(state, name) for name in COPIED} | {
        "format": FORMAT,
        "dependencies": dependencies.of_facts(preparation.facts(setup)),
        "settings": setup.config.to_dict(),
        "environments": state.environments,
        "tokenizer": setup.tokenizer.name,
        "seconds": time.perf_counter() - state.began,
        "best": asdict(state.best) if state.best else None,
        "evaluated": state.last_evaluated,
        "points": [[type(point).__name__, asdict(point)] for point in state.points],
        "schedule": schedule,
    }
    on_cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    encoded = json.dumps(values)
    header = {"state": encoded, "checksum": _checksum(on_cpu, encoded)}
    files.write(path(setup.output), *tensor_files.encode(on_cpu, header))
    state.last_snapshot = time.monotonic()
    state.snapshot_seconds = state.last_snapshot - began


@panics_as_memory_errors()
def load(output: Path) -> Snapshot | None:
    """Read the snapshot of a run; None if there is none.

    Raises UnreadableSnapshot if it is damaged, UnfreezeError if a newer version wrote it.
    """
    file = path(output)
    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as stored:
            header = stored.metadata()
            values = json.loads(header["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        newer = values["format"] > FORMAT
        damaged = "checksum" in header and header["checksum"] != _checksum(tensors, header["state"])
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError):
        newer, damaged = False, True
    if newer:
        raise UnfreezeError("A newer version of Unfreeze began this run; update to resume it.")
    if damaged:
        raise UnreadableSnapshot(
            "The state of this run cannot be read; keep its best model, or run it again."
        )
    return Snapshot(tensors, values)


def word_rule(snapshot: Snapshot) -> WordRule:
    """The rule for words of a run with a new model. Raises UnfreezeError if it is unknown."""
    return word_rules.find(_tokenizer(snapshot))


def _tokenizer(snapshot: Snapshot) -> str:
    """The name of a run's tokenizer; that of the first one is in no snapshot."""
    return str(snapshot.values.get("tokenizer", word_rules.EARLIER.name))


def discard(output: Path) -> None:
    """Delete the snapshot of a run that will not be resumed."""
    path(output).unlink(missing_ok=True)


def restore(snapshot: Snapshot, setup: TrainingSetup, state: TrainingState) -> None:
    """Put a fresh state where the snapshot was taken.

    Raises ChangedDependency if the data, the starting weights or the like are not what they were.
    """
    tensors, values = snapshot.tensors, snapshot.values
    before = values.get("dependencies") or {"split_fingerprint": values["split"]}
    before = before | {"tokenizer": _tokenizer(snapshot)}
    dependencies.check_facts(before, preparation.facts(setup))
    dependencies.check_settings(values.get("settings", {}), setup.config)
    with torch.no_grad():
        for name, weight in strategies.trained_weights(state.model, setup.config).items():
            weight.copy_(tensors[f"weight.{name}"])
    _restore_optimizer(snapshot, state)
    state.sums.copy_(tensors["sums"])
    state.began = time.perf_counter() - values["seconds"]
    state.best = Evaluation(**values["best"]) if values["best"] else None
    state.last_evaluated = values["evaluated"]
    # Earlier versions did not keep the points.
    state.points = [_POINTS[name](**point) for name, point in values.get("points", [])]
    for name in values.keys() & set(COPIED):
        setattr(state, name, values[name])
    _note_environment(values.get("environments", []), state)
    state.shuffle.set_state(tensors["shuffle"])
    state.epoch_start = tensors["shuffle"]
    torch.set_rng_state(tensors["random"])
    if "accelerator" in tensors and setup.device.type == "cuda":  # it may resume on another device
        torch.cuda.set_rng_state(tensors["accelerator"], setup.device)


def _note_environment(before: list[dict[str, str]], state: TrainingState) -> None:
    """Note what a resumed run computes on, if that is not what it computed on `before`."""
    if not before or before[-1] == state.environments[-1]:
        state.environments = before or state.environments
        return
    now, names = state.environments[-1], {"threads": "number of threads"}
    changes = [
        f"{names.get(name, name)} {now[name]}, before {value}"
        for name, value in before[-1].items()
        if now[name] != value
    ]
    state.environments = [*before, now]
    state.notes.append(
        f"Resumed with {listing(changes)}: figures may differ in the last digits from those of "
        "a run without interruption."
    )


def _restore_optimizer(snapshot: Snapshot, state: TrainingState) -> None:
    """Restore the optimizer's state, the schedule and the current learning rates."""
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in snapshot.tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            entries.setdefault(int(number), {})[key] = tensor
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": entries, "param_groups": groups})
    schedule = snapshot.values["schedule"]
    state.schedule.load_state_dict(schedule | {"lr_lambdas": [None] * len(groups)})
    for group, rate in zip(state.optimizer.param_groups, schedule["_last_lr"], strict=True):
        group["lr"] = rate


def _checksum(tensors: dict[str, Tensor], state: str) -> str:
    """CRC of everything in a snapshot; a flipped bit would go unnoticed otherwise."""
    checksum = zlib.crc32(state.encode())
    for name in sorted(tensors):
        content = tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data
        checksum = zlib.crc32(content, zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"
