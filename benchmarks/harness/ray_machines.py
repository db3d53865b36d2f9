"""Several Ray nodes and a supervisor on this machine, each with processes of its own."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

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
        # Ray reads these when it is imported, which in this process may be long ago.
        self._process = ProcessPoolExecutor(1, get_context("spawn"))
        os.environ["RAY_ADDRESS"] = self._call(_Nodes.start, cpus)
        self._start_supervisor()

    def restart_supervisor(self) -> None:
        """Kill the supervisor and start another one."""
        self._supervisor.kill()
        self._supervisor.wait()
        self._start_supervisor()

    def replace_node(self, name: str) -> None:
        """Kill all processes of the node that a run names, and start another one."""
        self._call(_Nodes.replace, name)

    def restart_head(self) -> None:
        """Kill all processes of the head, start it again, and then the nodes, which end with it."""
        self._call(_Nodes.restart_head)

    def shut_down(self) -> None:
        self._supervisor.terminate()
        self._supervisor.wait(END_SECONDS)
        self._call(_Nodes.shut_down)
        self._process.shutdown()

    def _call(self, method: Callable[..., Any], *arguments: object) -> Any:
        return self._process.submit(method, *arguments).result()

    def _start_supervisor(self) -> None:
        command = [sys.executable, "-m", "ftcore", "worker", "--ray"]
        self._supervisor = subprocess.Popen(command, cwd=paths.ROOT, start_new_session=True)


class _Nodes:
    """The nodes of the cluster, in the process that started them."""

    cluster: Any
    nodes: "list[Node]"
    cpus: Sequence[int]

    @classmethod
    def start(cls, cpus: Sequence[int]) -> str:
        from ray.cluster_utils import Cluster

        cls.cluster, cls.cpus = Cluster(), cpus
        cls._add(0)
        cls.nodes = [cls._add(count) for count in cpus]
        return str(cls.cluster.address)

    @classmethod
    def restart_head(cls) -> None:
        port = int(cls.cluster.address.rpartition(":")[2])
        cls.cluster.remove_node(cls.cluster.head_node, allow_graceful=False)
        cls._add(0, gcs_server_port=port)
        for number in range(len(cls.nodes)):
            cls._replace(number)

    @classmethod
    def replace(cls, name: str) -> None:
        cls._replace([node.node_id[:8] in name for node in cls.nodes].index(True))

    @classmethod
    def _replace(cls, number: int) -> None:
        cls.cluster.remove_node(cls.nodes[number], allow_graceful=False)
        cls.nodes[number] = cls._add(cls.cpus[number])

    @classmethod
    def shut_down(cls) -> None:
        cls.cluster.shutdown()

    @classmethod
    def _add(cls, cpus: int, **settings: Any) -> "Node":
        """Add a node. Ray gives up after 30 s, which a busy machine may need."""
        settings |= {"include_dashboard": False, "object_store_memory": 80_000_000}
        for _ in range(ATTEMPTS - 1):
            with suppress(Exception):  # Ray raises no narrower one
                return cls.cluster.add_node(num_cpus=cpus, **settings)
        return cls.cluster.add_node(num_cpus=cpus, **settings)
