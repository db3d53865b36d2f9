"""Where a run is, on disk, so that it goes on after a pause or a crash as if nothing had been.

One safetensors file, written whole or not at all: tensors by name, all else as JSON in its header.

    weight.<name>           the weights that train
    optimizer.<n>.<key>     what the optimizer keeps of the n-th of them
    random, shuffle         state of torch's random numbers, and of those that shuffle at the epoch's start
    accelerator             the same of a GPU's, where there is one
    sums                    see `loop.fit`
"""

import json
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as packed
from torch import Tensor

from ftcore.config import SELF_TRAINED
from ftcore.errors import UnfreezeError, UnreadableSnapshot
from ftcore.events import Evaluation
from ftcore.storage import files
from ftcore.training import strategies
from ftcore.training.preparation import Run

FORMAT = 1
NAME = "snapshot.safetensors"
SECONDS = 45.0  # of a run at most between two of them, and an evaluation


@dataclass
class Loop:
    """What changes while a loop of training turns, beside the run's own figures."""

    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    shuffle: torch.Generator
    sums: Tensor
    epoch: int = 0
    batch: int = 0  # batches of the epoch that are done
    began_epoch: Tensor | None = None  # state of `shuffle` before this epoch's order was drawn
    evaluated: int = -1  # the last step that was evaluated


@dataclass(frozen=True)
class Snapshot:
    """A state as it was read back."""

    tensors: dict[str, Tensor]
    rest: dict[str, Any]


def path(output: Path) -> Path:
    """Where the snapshot of the run lies whose checkpoint is the folder `output`."""
    return output.with_name(NAME)


def save(run: Run, loop: Loop) -> None:
    """Keep the state of a run between two steps of its loop."""
    weights = strategies.trained_weights(run.model, run.config)
    tensors = {f"weight.{name}": weight.detach() for name, weight in weights.items()}
    for place, state in loop.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{place}.{key}": value for key, value in state.items()}
    tensors |= {"random": torch.get_rng_state(), "sums": loop.sums}
    tensors["shuffle"] = loop.shuffle.get_state() if loop.began_epoch is None else loop.began_epoch
    if run.device.type == "cuda":
        tensors["accelerator"] = torch.cuda.get_rng_state(run.device)
    rest = {
        "format": FORMAT,
        "split": run.split,
        "notes": run.notes,
        "seconds": time.perf_counter() - run.began,
        "step": run.step,
        "examples": run.examples,
        "train_seconds": run.train_seconds,
        "parts": run.parts,
        "best": asdict(run.best) if run.best else None,
        "epoch": loop.epoch,
        "batch": loop.batch,
        "evaluated": loop.evaluated,
        "schedule": {
            key: value for key, value in loop.schedule.state_dict().items() if key != "lr_lambdas"
        },
    }
    on_cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    state = json.dumps(rest)
    about = {"state": state, "checksum": _checksum(on_cpu, state)}
    files.write(path(run.output), packed(on_cpu, about))


def load(output: Path) -> Snapshot | None:
    """The state of a run that can go on, None where it has none. Raises UnfreezeError."""
    file = path(output)
    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as stored:
            about = stored.metadata()
            rest = json.loads(about["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        newer = rest["format"] > FORMAT
        # The first of them had none.
        if (
            not newer
            and about.get("checksum", checksum := _checksum(tensors, about["state"])) != checksum
        ):
            raise ValueError("damaged")
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError):
        raise UnreadableSnapshot(
            "The state of this run cannot be read; keep its best model, or run it again."
        ) from None
    if newer:
        raise UnfreezeError("A newer version of Unfreeze began this run; update to resume it.")
    if "targets" in tensors or rest.get("phase") == "teaching":
        raise UnreadableSnapshot(SELF_TRAINED)
    return Snapshot(tensors, rest)


def _checksum(tensors: dict[str, Tensor], state: str) -> str:
    """Of all that is kept: a changed bit would train on unnoticed."""
    found = zlib.crc32(state.encode())
    for name in sorted(tensors):
        content = tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data
        found = zlib.crc32(content, zlib.crc32(name.encode(), found))
    return f"{found:08x}"


def discard(output: Path) -> None:
    """Forget the state of a run that will not go on."""
    path(output).unlink(missing_ok=True)


def resume_run(run: Run, snapshot: Snapshot) -> None:
    """Give a prepared run the figures that it had. Raises UnfreezeError where its data changed."""
    rest = snapshot.rest
    if rest["split"] != run.split:
        raise UnfreezeError(
            "The data is not what this run began with; put it back, or run it again."
        )
    run.began = time.perf_counter() - rest["seconds"]
    run.notes[:] = rest["notes"]
    run.parts = rest["parts"]
    if rest["best"]:
        run.best = Evaluation(**rest["best"])


def resume_loop(run: Run, loop: Loop, snapshot: Snapshot) -> None:
    """Put the loop of a run, and all that moves with it, where they were."""
    tensors, rest = snapshot.tensors, snapshot.rest
    weights = strategies.trained_weights(run.model, run.config)
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[f"weight.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, place, key = name.split(".", 2)
            state.setdefault(int(place), {})[key] = tensor
    groups = loop.optimizer.state_dict()["param_groups"]
    loop.optimizer.load_state_dict({"state": state, "param_groups": groups})
    nothing = [None] * len(groups)  # the functions of the schedule are the config's
    loop.schedule.load_state_dict(rest["schedule"] | {"lr_lambdas": nothing})
    for group, rate in zip(loop.optimizer.param_groups, rest["schedule"]["_last_lr"], strict=True):
        group["lr"] = rate
    loop.sums.copy_(tensors["sums"])
    loop.epoch, loop.batch, loop.evaluated = rest["epoch"], rest["batch"], rest["evaluated"]
    run.step, run.examples = rest["step"], rest["examples"]
    run.train_seconds = rest["train_seconds"]
    loop.shuffle.set_state(tensors["shuffle"])
    torch.set_rng_state(tensors["random"])
    if "accelerator" in tensors and run.device.type == "cuda":  # it may go on elsewhere
        torch.cuda.set_rng_state(tensors["accelerator"], run.device)
