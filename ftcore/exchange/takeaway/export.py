"""Writes checkpoints as one HTML file that answers offline."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftcore import memory
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.spec import WEIGHT_BYTES
from ftcore.storage import files

Precision = Literal["int8", "exact"]
PRECISIONS: tuple[Precision, ...] = ("int8", "exact")
"""Of the weights in the file; the browser computes in fp32."""
SUFFIX = ".html"
MOST_MODELS = 4
"""Side by side; more are no longer compared at a glance."""
_MOST_BYTES = 1_500_000_000  # of weights that a browser holds in memory, in fp32
_COPIES = 5  # of the weights in memory while they are packed


@dataclass(frozen=True)
class Heading:
    """What stands above the models."""

    title: str = ""
    verdict: str = ""
    """What a comparison of the models found."""
    examples: Sequence[str] = ()
    """Texts to click; the first is answered at once."""


def unfit(checkpoint: Checkpoint) -> str:
    """Why a checkpoint has no form as a page, as a sentence; "" if it has."""
    if WEIGHT_BYTES * checkpoint.model.parameters > _MOST_BYTES:
        return f"{checkpoint.title} is too large for a page in a browser: choose a smaller model."
    return ""


def write(ref: str, target: Path) -> Task[Path]:
    """Write a checkpoint as a page, its weights in 8 bits; see `write_page`."""
    return (yield from write_page([ref], target, heading(checkpoints.find(ref))))


def heading(checkpoint: Checkpoint) -> Heading:
    """Of a single model: the sentences that its run watched are the examples."""
    config = checkpoint.origin.get("config") or {}
    lines = str(config.get("watch") or "").splitlines()
    return Heading(examples=[line.strip() for line in lines if line.strip()])


def write_page(
    refs: Sequence[str],
    target: Path,
    heading: Heading = Heading(),
    precision: Precision = "int8",
) -> Task[Path]:
    """Write checkpoints as one page, whole or not at all, and return `target`.

    Each has a last layer. Tensors, words and packages that several need are in it once. Raises UnfreezeError
    if the target exists, if a checkpoint is `unfit`, or if npm cannot fetch what the page runs on.
    """
    from ftcore.exchange.takeaway import assembly
    from ftcore.exchange.takeaway.page import render

    files.check_free(target)
    files.check_writable(target.parent)
    if not 1 <= len(refs) <= MOST_MODELS:
        raise UsageError(f"A page holds 1 to {MOST_MODELS} models, not {len(refs)}: choose some.")
    models = [checkpoints.find(ref) for ref in refs]
    for model in models:
        if sentence := unfit(model):
            raise UnfreezeError(sentence)
        needed = _COPIES * WEIGHT_BYTES * model.model.parameters
        memory.check(f"The export of {model.title}", needed, "free some, or choose a smaller model")
    page = yield from assembly.assemble(models, heading, precision)
    yield Progress("saving", 0, 1, "page")
    files.write(target, render(page).encode())
    return target
