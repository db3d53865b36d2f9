"""Encoders on the command line: a checkpoint may be given as a folder, or as a name on the Hub."""

from typing import Any

from ftcore.cli.printer import Printer
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from ftcore.models import checkpoints
from ftcore.validation import is_folder


def import_given(given: dict[str, Any], revision: str | None, out: Printer) -> dict[str, Any]:
    """Return the given settings with the ref of the checkpoint; an encoder is imported first.

    Raises UnfreezeError if it cannot be.
    """
    source = given.get("checkpoint", "")
    if not source or _is_ref(source):
        if revision:
            raise UsageError(
                "--revision belongs to a checkpoint that is named as on the Hub; omit it."
            )
        return given
    from ftcore.exchange import huggingface

    if not (is_folder(source) or huggingface.is_hub_name(source)):
        return given  # what uses it says what there is
    checkpoint = drain(huggingface.import_encoder(source, revision=revision or ""), out.event)
    return given | {"checkpoint": checkpoint.ref}


def _is_ref(name: str) -> bool:
    try:
        checkpoints.find(name)
    except UnfreezeError:
        return False
    return True
