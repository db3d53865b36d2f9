"""Several Ray nodes and a supervisor on this machine, each with processes of its own."""

import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ftcore import paths

if TYPE_CHECKING:
    from ray._private.node import Node

ATTEMPTS = 3  # to start a node
END_SECONDS = 120.0  # for a supervisor to interrupt its runs


class RayMachines:
    """A head without CPUs, a node for each entry of `cpus`, and a supervisor.

    Sets the variables of the cluster in this process; nodes and supervisor inherit all of its environment.
    """

    def __init__(self, cpus: Sequence[int]) -> None:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        from ray.cluster_utils import Cluster  # once the token is set

        self._cpus = cpus
        self._cluster = Cluster()
        self._add(0)
        self._nodes = [self._add(count) for count in cpus]
        os.environ["RAY_ADDRESS"] = self._cluster.address
        self._start_supervisor()

    def restart_supervisor(self) -> None:
        """Kill the supervisor and start another one."""
        self._supervisor.kill()
        self._supervisor.wait()
        self._start_supervisor()

    def replace_node(self, name: str) -> None:
        """Kill all processes of the node that a run names, and start another one."""
        ids = [node.node_id[:8] in name for node in self._nodes]
        number = ids.index(True)
        self._cluster.remove_node(self._nodes[number], allow_graceful=False)
        self._nodes[number] = self._add(self._cpus[number])

    def shut_down(self) -> None:
        self._supervisor.terminate()
        self._supervisor.wait(END_SECONDS)
        self._cluster.shutdown()

    def _add(self, cpus: int) -> "Node":
        """Add a node. Ray gives up after 30 s, which a busy machine may need."""
        settings = {"include_dashboard": False, "object_store_memory": 80_000_000}
        for _ in range(ATTEMPTS - 1):
            with suppress(Exception):  # Ray raises no narrower one
                return self._cluster.add_node(num_cpus=cpus, **settings)
        return self._cluster.add_node(num_cpus=cpus, **settings)

    def _start_supervisor(self) -> None:
        command = [sys.executable, "-m", "ftcore", "worker", "--ray"]
        self._supervisor = subprocess.Popen(command, cwd=paths.ROOT, start_new_session=True)
