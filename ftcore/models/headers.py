"""Names, shapes and sizes of the weights in safetensors files, read from their headers without torch."""

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ftcore import validation
from ftcore.errors import UnfreezeError

_MAX_HEADER = 100_000_000  # bytes; safetensors' own limit


@dataclass(frozen=True)
class WeightHeader:
    """What the header of a weight says."""

    shape: tuple[int, ...]
    bytes: int


def read_headers(paths: Iterable[Path]) -> dict[str, WeightHeader]:
    """Return the header of each weight in some files. Raises UnfreezeError if a file is damaged."""
    headers: dict[str, WeightHeader] = {}
    for path in paths:
        headers |= _read(path)
    return headers


def _read(path: Path) -> dict[str, WeightHeader]:
    name = validation.printable(path.name)
    try:
        validation.refuse_special_files(path)
        with path.open("rb") as file:
            [length] = struct.unpack("<Q", file.read(8))
            if length > min(_MAX_HEADER, path.stat().st_size):
                raise ValueError("header too long")
            entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        headers = {
            name: WeightHeader(
                tuple(int(size) for size in entry["shape"]),
                int(entry["data_offsets"][1]) - int(entry["data_offsets"][0]),
            )
            for name, entry in entries.items()
        }
    except OSError as error:
        raise UnfreezeError(f"{name} cannot be read ({error.strerror}).") from None
    except (struct.error, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnfreezeError(
            f"{name} is no safetensors file, or is damaged: fetch it again."
        ) from None
    if 8 + length + sum(header.bytes for header in headers.values()) != path.stat().st_size:
        raise UnfreezeError(f"{name} is cut short: fetch it again.")
    return headers
