"""Which workers execute runs: the thread of this process, or Ray (`UNFREEZE_WORKERS`)."""

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Literal, get_args

from filelock import FileLock, Timeout

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError, UsageError

Kind = Literal["local", "ray"]
_supervisor: subprocess.Popen[bytes] | None = None  # that this process has started


def kind() -> Kind:
    """Return what UNFREEZE_WORKERS names. Raises UsageError."""
    name = os.environ.get("UNFREEZE_WORKERS") or "local"
    for known in get_args(Kind):
        if name == known:
            return known
    raise UsageError(f"UNFREEZE_WORKERS is {name!r}; choose local or ray.")


def check() -> None:
    """Raise UnfreezeError if no worker of the chosen kind can be had."""
    if kind() == "ray" and not tracking.supervision().alive:
        require_ray()


def require_ray() -> None:
    if find_spec("ray") is None:
        raise UnfreezeError(
            "Ray is not installed: install requirements-ray.txt (pip install unfreeze[ray]), or unset "
            "UNFREEZE_WORKERS."
        )


def supervisor_lock() -> FileLock:
    """Held by the one supervisor of a home."""
    paths.home().mkdir(parents=True, exist_ok=True)
    return FileLock(paths.home() / ".supervisor.lock", timeout=0, thread_local=False)


def ensure_supervisor() -> None:
    """Start a supervisor in a process of its own, which ends when it is idle, unless one is alive.

    Raises UnfreezeError if Ray is not installed.
    """
    global _supervisor
    if tracking.supervision().alive or (_supervisor and _supervisor.poll() is None):
        return
    require_ray()
    try:
        supervisor_lock().acquire().lock.release()
    except Timeout:  # it has just begun
        return
    command = [sys.executable, "-m", "ftcore", "worker", "--ray", "--until-idle"]
    with (paths.home() / "supervisor.log").open("ab") as log:
        _supervisor = subprocess.Popen(
            command,
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in our terminal is not for it
        )
