"""A PostgreSQL server of its own for a test or a benchmark, from Debian's package."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.harness.ports import free_port

USER = "postgres"


class PostgreSQL:
    """A server with its data in a temporary folder; it stays at `uri` when it is started again.

    It listens at one address of this machine, and trusts the network of this address.
    """

    def __init__(self, address: str = "127.0.0.1", network: str = "127.0.0.1/32") -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        assert programs, "no PostgreSQL: apt-get install postgresql"
        self._programs = programs[-1]
        self._folder = Path(tempfile.mkdtemp(prefix="unfreeze-postgresql-"))
        port = free_port(address)
        self.uri = f"postgresql+psycopg://{USER}@{address}:{port}/postgres"
        self._options = f"-p {port} -c listen_addresses={address} -c fsync=off -k {self._folder}"
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self._folder, USER)
        self._run("initdb", "-A", "trust", "-U", USER, "-D", f"{self._folder}/data")
        with (self._folder / "data/pg_hba.conf").open("a") as trusted:
            trusted.write(f"host all all {network} trust\n")
        self.start()

    def start(self) -> None:
        self._control("start", "-o", self._options, "-l", f"{self._folder}/log")

    def stop(self) -> None:
        """End it, with all its connections, at once."""
        self._control("stop", "-m", "immediate")

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "-w", "-t", "300", "-D", f"{self._folder}/data", *options)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def __enter__(self) -> "PostgreSQL":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
