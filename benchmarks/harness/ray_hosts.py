"""A Ray cluster whose machines are namespaces of this one, on a network of their own. Needs root and `ip`.

Each node has its own address, host name, process ids and mounts, so that it can be lost, cut off or left
without disk space as a machine can. All of them see one folder.
"""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import psutil

from ftcore import paths

BRIDGE = "unfreeze0"
ADDRESS = "10.77.0.1"  # of this machine, where the database is
NETWORK = "10.77.0.0/24"
HEAD, PORT = "10.77.0.2", 6379
NODE = "10.77.0.1{}"
STORE = 80_000_000  # bytes; Ray's least, as runs exchange nothing through it
END_SECONDS = 120.0  # for a supervisor to interrupt its runs


class Network:
    """A bridge of this machine, to which hosts are linked. A context manager."""

    def __enter__(self) -> "Network":
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        return self

    def __exit__(self, *_: object) -> None:
        _run("ip", "link", "del", BRIDGE)


class Host:
    """A machine of the cluster: `ray start --block` in namespaces of its own."""

    def __init__(self, name: str, address: str, folder: Path, options: list[str]) -> None:
        self.name, self._link, self._folder = name, f"{name}-0", folder
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        ray += ["--node-ip-address", address, "--temp-dir", str(folder / name), *options]
        self._ray = [*ray, "--object-store-memory", str(STORE)]
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", self._link, "type", "veth", "peer", "eth0", "netns", name)
        _run("ip", "link", "set", self._link, "master", BRIDGE, "up")
        _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _run("ip", "-n", name, "link", "set", device, "up")
        self.start()

    def start(self) -> None:
        # Ray ends on a machine whose head was restarted, or that was cut off; systemd would do this.
        script = 'hostname "$1"; shift; while :; do "$@"; sleep 1; done'
        isolated = ["--pid", "--uts", "--mount", "--fork", "--kill-child", "--mount-proc"]
        command = [*self.within, "unshare", *isolated, "sh", "-c", script, "sh", self.name]
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._ray], cwd=paths.ROOT, stdout=log, stderr=log
            )

    @property
    def within(self) -> list[str]:
        """What a command starts with, to run on the network of this host."""
        return ["ip", "netns", "exec", self.name]

    def end(self) -> None:
        """Lose all processes at once, as without power."""
        self._process.kill()  # and with it the first process of the namespace, so all of them
        self._process.wait()

    def restart(self) -> None:
        self.end()
        self.start()

    def kill(self, pid: int) -> None:
        """Kill a process by its id on this host."""
        self._inside("kill", "-KILL", str(pid))

    def cut(self) -> None:
        """Take the host off the network."""
        _run("ip", "link", "set", self._link, "down")

    def mend(self) -> None:
        _run("ip", "link", "set", self._link, "up")

    def fill(self, folder: Path) -> None:
        """Leave this host, and no other, no space in a folder, whose files it no longer sees."""
        self._inside("mount", "-t", "tmpfs", "-o", "size=4k", "full", str(folder))
        self._inside("sh", "-c", f"cat /dev/zero > {folder}/full 2> /dev/null || true")

    def free(self, folder: Path) -> None:
        self._inside("umount", "--lazy", str(folder))

    def remove(self) -> None:
        self.end()
        _run("ip", "netns", "del", self.name)  # with its end of the link

    def _inside(self, *command: str) -> None:
        init = psutil.Process(self._process.pid).children()[0].pid
        _run("nsenter", "--target", str(init), "--pid", "--mount", *command)


class RayHosts:
    """A head without CPUs, nodes of one CPU each, and a supervisor on the head's network.

    Sets the variables of the cluster in this process; hosts and supervisor inherit all of its environment.
    """

    def __init__(self, count: int, folder: Path) -> None:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": f"{HEAD}:{PORT}"}
        self._folder = folder
        options = ["--head", "--num-cpus", "0", "--port", str(PORT), "--include-dashboard=false"]
        self.head = Host("unfreeze-head", HEAD, folder, options)
        options = ["--address", f"{HEAD}:{PORT}", "--num-cpus", "1"]
        self.nodes = [
            Host(f"unfreeze-{number}", NODE.format(number + 1), folder, options)
            for number in range(count)
        ]
        self._start_supervisor()

    def __enter__(self) -> "RayHosts":
        return self

    def named(self, node: str) -> Host:
        """The host that the record of a run names."""
        return next(host for host in self.nodes if node.startswith(f"{host.name} "))

    def restart_supervisor(self) -> None:
        """Kill the supervisor and start another one."""
        self._supervisor.kill()
        self._supervisor.wait()
        self._start_supervisor()

    def __exit__(self, *_: object) -> None:
        self._supervisor.terminate()
        self._supervisor.wait(END_SECONDS)
        for host in (*self.nodes, self.head):
            host.remove()

    def _start_supervisor(self) -> None:
        command = [*self.head.within, sys.executable, "-m", "ftcore", "worker", "--ray"]
        with (self._folder / "supervisor.log").open("ab") as log:
            self._supervisor = subprocess.Popen(
                command, cwd=paths.ROOT, stdout=log, stderr=log, start_new_session=True
            )


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
