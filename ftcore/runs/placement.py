"""Which node of a cluster executes which run: what a run needs, and what nodes have left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ftcore.config import FineTuneConfig

DEFAULT_THREADS = 2  # of a run that does not say; measured models gain little from more


@dataclass(frozen=True)
class Needs:
    """What a run reserves on one node."""

    threads: int
    gpus: float

    def fit(self, node: "Node") -> bool:
        return self.threads <= node.cpus and self.gpus <= node.gpus

    def __str__(self) -> str:
        threads = "1 CPU" if self.threads == 1 else f"{self.threads} CPUs"
        if not self.gpus:
            return threads
        return f"{threads} and {self.gpus:g} GPU{'' if self.gpus == 1 else 's'}"


@dataclass(frozen=True)
class Node:
    """What a node has, or has left."""

    node_id: str
    host: str
    cpus: float
    gpus: float

    def without(self, taken: Iterable[Needs]) -> "Node":
        taken = list(taken)
        cpus = self.cpus - sum(needs.threads for needs in taken)
        gpus = self.gpus - sum(needs.gpus for needs in taken)
        return replace(self, cpus=cpus, gpus=round(gpus, 4))


def needs(config: FineTuneConfig, threads_before: int, nodes: Sequence[Node]) -> Needs:
    """What a run reserves. A run that goes on takes as many threads as before, for the same last digits."""
    most = max((int(node.cpus) for node in nodes), default=1)
    threads = (
        config.threads or threads_before or min(DEFAULT_THREADS * config.devices, max(1, most))
    )
    wants_gpu = config.device == "cuda" or (
        config.device == "auto" and any(node.gpus for node in nodes)
    )
    gpus = config.devices if config.devices > 1 else config.gpu_share
    return Needs(threads, float(gpus) if wants_gpu else 0.0)


def choose(needs: Needs, free: Sequence[Node]) -> Node | None:
    """The node with the most CPUs left among those that have room; None if none has.

    Nodes with GPUs are kept for runs that need one, as long as another has room.
    """
    fitting = [node for node in free if needs.fit(node)]
    return max(
        fitting, key=lambda node: (bool(needs.gpus) or not node.gpus, node.cpus), default=None
    )
