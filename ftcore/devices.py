"""Which device and number format a run uses, said in words and given back at its end."""

import ctypes
import gc
from contextlib import AbstractContextManager, suppress

import torch

from ftcore.errors import UnfreezeError


def pick(wanted: str = "auto") -> torch.device:
    """The device of a run: an accelerator where there is one, else the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if wanted == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UnfreezeError(
            f"There is no device called {wanted!r}; choose auto, cpu, cuda, mps or xpu."
        ) from None
    if device.type != "cpu" and (accelerator is None or device.type != accelerator.type):
        raise UnfreezeError(f"This machine has no usable {wanted} device; choose auto or cpu.")
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 matrix products run in hardware; emulated ones are slower than fp32."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return False


def precision(wanted: str, device: torch.device) -> str:
    """`fp32` or `bf16`, decided."""
    return ("bf16" if has_bf16(device) else "fp32") if wanted == "auto" else wanted


def autocast(device: torch.device, number_format: str) -> AbstractContextManager[None]:
    """The context in which the forward pass runs; weights and their updates stay fp32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=number_format == "bf16")


def batch_tokens(device: torch.device) -> int:
    """Tokens of a batch without gradients, padding included: what a CPU's caches hold, else much more."""
    return 8_192 if device.type == "cpu" else 131_072


def describe() -> str:
    """The device in a few words, for a page."""
    device = pick()
    bf16 = ", bf16" if has_bf16(device) else ""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}{bf16}"
    return f"{device.type.upper()}, {torch.get_num_threads()} threads{bf16}"


def release_memory() -> None:
    """Give the memory of a finished run, or of an attempt, back to the device and to the machine."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # only glibc keeps it, and only it has this
        ctypes.CDLL(None).malloc_trim(0)
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
