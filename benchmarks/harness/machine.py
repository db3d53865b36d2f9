"""The machine: its name, its versions, and how fast it multiplies matrices."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

from ftcore import devices

SIZE = 2048  # rows and columns of the matrices of `limit`
LIMIT_SECONDS = 0.5


def facts() -> dict[str, Any]:
    """What a figure depends on: processor, cores, load, precision and versions."""
    device = devices.pick()
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": devices.hardware(torch.device("cpu")),
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        **gpu,
        "device": device.type,
        "precision": devices.precision("auto", device),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def describe() -> str:
    """The same as a sentence."""
    machine = facts()
    where = machine.get("gpu") or f"{machine['threads']} threads"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {where}, {machine['precision']}; "
        f"{machine['system']}, Python {machine['python']}, torch {machine['torch']}; "
        f"load {machine['load']}."
    )


def limit(precision: str) -> float:
    """The best product of two large matrices, in 10⁹ operations a second; no model exceeds it."""
    device = devices.pick()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
    out = torch.mm(left, right)  # warms up
    best, end = float("inf"), time.perf_counter() + LIMIT_SECONDS
    while time.perf_counter() < end or best == float("inf"):
        clock = time.perf_counter()
        torch.mm(left, right, out=out)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        best = min(best, time.perf_counter() - clock)
    return 2 * SIZE**3 / best / 1e9


def megabytes(name: str, process: int | str = "self") -> float:
    """A figure of /proc/PID/status in 10⁶ bytes: VmRSS now, VmHWM at most; 0 without the process."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if name in line), 0.0)
