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

from benchmarks.harness import report
from ftcore import devices

# Rows, inner and columns of a product: a large one, and those of the starter's layers over a batch.
SQUARE = (2048, 2048, 2048)
SHAPES = {
    "2,048 x 2,048 x 2,048": SQUARE,
    "queries, keys, values: 8,192 x 100 x 300": (8192, 100, 300),
    "feed-forward: 8,192 x 100 x 128": (8192, 100, 128),
}


def facts() -> dict[str, Any]:
    """What a figure must be read with."""
    device = devices.pick()
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        **gpu,
        "device": device.type,
        "precision": devices.precision("auto", device),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "load": report.short(os.getloadavg()[0]) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def describe() -> str:
    """The same in a sentence."""
    found = facts()
    where = found.get("gpu") or f"{found['threads']} threads"
    return (
        f"{found['cpu']}, {found['cores']} cores, {where}, {found['precision']}; {found['system']}, "
        f"Python {found['python']}, torch {found['torch']}; load {found['load']}."
    )


def gigaflops(shape: tuple[int, int, int], dtype: torch.dtype, seconds: float = 0.5) -> list[float]:
    """10⁹ operations a second of one matrix product, repeated for some seconds."""
    rows, inner, columns = shape
    device = devices.pick()
    left = torch.randn(rows, inner, device=device).to(dtype)
    right = torch.randn(inner, columns, device=device).to(dtype)
    out = torch.empty(rows, columns, device=device, dtype=dtype)
    with torch.inference_mode():
        times = repeated(lambda: torch.mm(left, right, out=out), device, seconds)
    return [2 * rows * inner * columns / one / 1e9 for one in times]


def repeated(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Seconds of each of several bursts of `work`, per call; the first is a warm-up and left out."""
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


def limit(number_format: str) -> float:
    """The best product of large matrices, in 10⁹ operations a second: what no model can exceed."""
    return max(gigaflops(SQUARE, torch.bfloat16 if number_format == "bf16" else torch.float32))


def main(argv: list[str] | None = None) -> None:
    seconds = 2.0 if report.options(__doc__ or "", argv).full else 0.5
    report.heading("Matrix products")
    rows, figures = [], {}
    for name, shape in SHAPES.items():
        measured = {
            number_format: gigaflops(shape, dtype, seconds)
            for number_format, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
        }
        rows.append([name, *(report.spread(values) for values in measured.values())])
        figures[name] = {key: report.short(max(values)) for key, values in measured.items()}
    report.table(["GFLOP/s: median (smallest to largest)", "fp32", "bf16"], rows)
    report.result("machine", gigaflops=figures)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
