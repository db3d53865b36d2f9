"""The device and the precision of a run."""

import ctypes
import functools
import gc
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import torch

from ftcore import memory
from ftcore.errors import UnfreezeError, UsageError


def pick(name: str = "auto") -> torch.device:
    """Return a device; "auto" is the accelerator or the CPU. Raises UnfreezeError if absent."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UnfreezeError(f"No device {name!r}; choose auto, cpu, cuda, mps or xpu.") from None
    if device.type != "cpu" and (accelerator is None or device.type != accelerator.type):
        raise UnfreezeError(f"This machine has no usable {name} device; choose auto or cpu.")
    return device


def check_count(name: str, count: int) -> None:
    """Raise UsageError if a run cannot have so many devices of this kind."""
    device = pick(name)
    most = _cores() if device.type == "cpu" else 1
    if device.type == "cuda":
        most = torch.cuda.device_count()
    if os.name == "nt":  # has neither NCCL nor the connection to the processes
        most = 1
    if count > most:
        what = {"cpu": f"CPU core{'s' * (most > 1)}", "cuda": f"GPU{'s' * (most > 1)}"}
        raise UsageError(
            f"This machine has {most} {what.get(device.type, 'device')} for a run: choose {most} device"
            f"{'s' * (most > 1)} or fewer (--devices)."
        )


def threads_of_each(count: int) -> int:
    """The threads of each of `count` processes that share the CPU."""
    return max(1, torch.get_num_threads() // count)


def check_threads(count: int) -> None:
    """Raise UsageError if a run asks for more CPU threads than there are cores, which would slow it down."""
    most = _cores()
    if count > most:
        raise UsageError(
            f"This machine has {most} CPU core{'s' * (most > 1)}, and more threads only wait for each "
            f"other: choose {most} thread{'s' * (most > 1)} or fewer (--threads)."
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware; emulation is slower than fp32."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return False


def precision(name: str, device: torch.device) -> str:
    """Return "fp32" or "bf16"; "auto" is bf16 if the device has it in hardware."""
    if name != "auto":
        return name
    return "bf16" if has_bf16(device) else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """Return the context for the forward pass; weights and their updates stay fp32.

    On a CPU nothing is cached: threads would clear each other's cache.
    """
    return torch.autocast(
        device.type,
        torch.bfloat16,
        enabled=precision == "bf16",
        cache_enabled=device.type != "cpu",
    )


def batch_tokens(device: torch.device) -> int:
    """Return the tokens of an evaluation batch, with padding: as many as fit a CPU's caches, or a GPU."""
    return 8_192 if device.type == "cpu" else 131_072


def free_memory(device: torch.device) -> int:
    """Return the bytes of a device's memory that a run can still take."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return memory.available()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many CPU threads; 0 changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def hardware(device: torch.device) -> str:
    """The model of a GPU or of the CPU: what a run's seconds depend on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu()


@functools.cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def describe() -> str:
    device = pick()
    bf16 = ", bf16" if has_bf16(device) else ""
    if device.type == "cuda":
        return f"{hardware(device)}{bf16}"
    return f"{device.type.upper()}, {torch.get_num_threads()} threads{bf16}"


def release_memory() -> None:
    """Return unused memory to the operating system and the device."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
