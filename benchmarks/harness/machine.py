"""The machine: its name, its versions, and how fast it multiplies matrices.

python -m benchmarks.harness.machine
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ftcore import devices

# Rows, inner dimension and columns of a product.
SQUARE = (2048, 2048, 2048)
SHAPES = {
    "2,048 x 2,048 x 2,048": SQUARE,
    # The starter's layers over a batch:
    "queries, keys, values: 8,192 x 100 x 300": (8192, 100, 300),
    "feed-forward: 8,192 x 100 x 128": (8192, 100, 128),
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def facts() -> dict[str, Any]:
    """What a figure depends on: processor, cores, load, precision and versions."""
    device = devices.pick()
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": _cpu(),
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


def gigaflops(shape: tuple[int, int, int], precision: str, seconds: float = 0.5) -> list[float]:
    """10⁹ operations a second of one matrix product, repeated for some seconds."""
    rows, inner, columns = shape
    device, dtype = devices.pick(), DTYPES[precision]
    left = torch.randn(rows, inner, device=device).to(dtype)
    right = torch.randn(inner, columns, device=device).to(dtype)
    out = torch.empty(rows, columns, device=device, dtype=dtype)
    with torch.inference_mode():
        bursts = time_bursts(lambda: torch.mm(left, right, out=out), device, seconds)
    return [2 * rows * inner * columns / burst / 1e9 for burst in bursts]


def time_bursts(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Seconds a call in each of several bursts of `work`, without the first, which warms up."""
    times: list[float] = []
    calls, end = 1, time.perf_counter() + seconds
    while len(times) < 4 or time.perf_counter() < end:
        clock = time.perf_counter()
        for _ in range(calls):
            work()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        burst = time.perf_counter() - clock
        times.append(burst / calls)
        calls = max(1, int(seconds / 10 / times[-1]))
    return times[1:]


def limit(precision: str) -> float:
    """The best product of large matrices, in 10⁹ operations a second; no model can exceed it."""
    return max(gigaflops(SQUARE, precision))


def main(argv: list[str] | None = None) -> None:
    from benchmarks.harness import report

    seconds = 2.0 if report.options(__doc__ or "", argv).full else 0.5
    report.heading("Matrix products")
    measured = {
        name: {precision: gigaflops(shape, precision, seconds) for precision in DTYPES}
        for name, shape in SHAPES.items()
    }
    report.table(
        ["GFLOP/s: median (smallest to largest)", *DTYPES],
        [[name, *map(report.spread, row.values())] for name, row in measured.items()],
    )
    best = {name: {key: max(row[key]) for key in row} for name, row in measured.items()}
    report.result("machine", gigaflops=best)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
