"""One run on several devices of a machine: a process for each, with the same weights after every step.

Each process computes its share of a batch; the gradients are added up, weighted by texts, and every process
takes the same step. In a process that has joined no others, all functions here leave things as they are.

The gradients travel after the backward pass, in one sum, not during it as with DistributedDataParallel: the
layers that train change from epoch to epoch, a batch that does not fit into memory is split in all processes
alike, and a weight that one process has not used is no error (docs/decisions.md).
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ftcore.errors import LostProcess

TIMEOUT = timedelta(minutes=10)  # for the others to reach the same point
T = TypeVar("T")


@dataclass(frozen=True)
class Membership:
    """The place of this process in its group."""

    rank: int = 0
    ranks: int = 1
    store: Path | None = None
    """The file through which the processes find each other."""


_membership = Membership()


def assign(membership: Membership, device: str) -> None:
    """Give this process its place, and one of the accelerators if the run uses these."""
    global _membership
    _membership = membership
    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(membership.rank)


def join(device: torch.device) -> None:
    """Wait until all processes of the run have prepared it. Raises LostProcess."""
    if _membership.ranks == 1:
        return
    if sys.platform == "linux":  # all are on this machine
        for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
            os.environ.setdefault(name, "lo")
    _reach(
        lambda: dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            init_method=f"file://{_membership.store}",
            rank=_membership.rank,
            world_size=_membership.ranks,
            timeout=TIMEOUT,
        )
    )


def leave() -> None:
    """Go on alone."""
    if dist.is_initialized():
        dist.destroy_process_group()


def ranks() -> int:
    """The number of processes that compute together now."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process writes the run's files and reports its events."""
    return _membership.rank == 0


def share(rows: Tensor) -> Tensor:
    """The rows that this process computes; empty if there are fewer rows than processes."""
    return rows[_membership.rank :: ranks()] if ranks() > 1 else rows


def seed(seed: int, step: int) -> None:
    """Draw other random numbers than the first process in a step, and the same when it is resumed."""
    if not is_first():
        torch.manual_seed(hash((seed, step, _membership.rank)) % 2**63)


def all_agree(value: bool) -> bool:
    """Whether the value is true in every process."""
    return not add_up(torch.tensor([float(not value)])).item()


def add_up(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes."""
    if ranks() > 1:
        _reach(lambda: dist.all_reduce(values))
    return values


def add_gradients(weights: Sequence[Tensor], sums: Tensor) -> Tensor:
    """Add up the gradients of weights, in place, and `sums`, which are returned.

    A weight has a gradient afterwards if it has one in any process.
    """
    if ranks() == 1:
        return sums
    present = torch.tensor([float(weight.grad is not None) for weight in weights])
    used = [weight for weight, count in zip(weights, add_up(present), strict=True) if count]
    for weight in used:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    gradients = [weight.grad for weight in used if weight.grad is not None]
    parts = [gradient.reshape(-1) for gradient in (*gradients, sums)]
    whole = add_up(torch.cat(parts)).split([len(part) for part in parts])
    for gradient, summed in zip(gradients, whole, strict=False):
        gradient.copy_(summed.view_as(gradient))
    return whole[-1]


def from_first(value: T) -> T:
    """The value that the first process has; waits for it."""
    if ranks() == 1:
        return value
    box = [value]
    _reach(lambda: dist.broadcast_object_list(box, device=torch.device("cpu")))
    return box[0]


def match_first(weights: Sequence[Tensor]) -> None:
    """Take over the weights of the first process."""
    if ranks() > 1:
        for weight in weights:
            _reach(lambda weight=weight: dist.broadcast(weight.detach(), 0))  # type: ignore[misc]


def _reach(exchange: Callable[[], object]) -> None:
    """Exchange something with the other processes. Raises LostProcess if one of them is gone."""
    try:
        exchange()
    except RuntimeError as error:
        raise LostProcess("A process of this run ended or does not answer.") from error
