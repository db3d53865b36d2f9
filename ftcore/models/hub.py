"""Models of the Hugging Face Hub: what a name stands for, and where its files are on this machine.

Files are kept in the Hub's ordinary cache, so other tools find them there. `HF_HOME`, `HF_ENDPOINT`,
`HF_HUB_OFFLINE` and `HF_TOKEN` have the meaning that huggingface_hub gives them. It is imported late,
because a page paints first.
"""

import re
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ftcore import __version__
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.formatting import size
from ftcore.models.hub_cache import (
    TOKENIZER_CONFIG,
    HubModel,
    find_cached,
    is_ready,
    languages_of,
    license_of,
    link,
    needed_files,
    read_ref,
)
from ftcore.storage import files, hub_files, hub_transfer
from ftcore.storage.hub_errors import explain, explain_errors, host, is_unavailable
from ftcore.storage.hub_files import COMMIT
from ftcore.validation import printable

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

_REVISION = re.compile(r"(?!.*\.\.)\w[\w./+@-]{0,199}", re.ASCII)
_EXAMPLE = "sentence-transformers/all-MiniLM-L6-v2"


def describe(name: str, revision: str = "") -> HubModel:
    """Return what a name and a revision (branch, tag or commit) stand for. Raises UnfreezeError.

    If the Hub cannot be reached, this is the revision on this machine; for a commit that is here whole,
    the Hub is not asked.
    """
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub import HfApi, constants

    _check(name, revision)
    with explain_errors(name, revision):
        cached = find_cached(name, revision)
    # Another tool may have left out files, so a snapshot without this one is completed.
    whole = cached and any(file.name == TOKENIZER_CONFIG for file in cached.files)
    if cached and whole and COMMIT.fullmatch(revision):
        return cached
    try:
        # Created here, as the functions of the module would use the endpoint of the time of import.
        info = HfApi(library_name="unfreeze", library_version=__version__).model_info(
            name,
            revision=revision or None,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        model = _from_info(info, name, revision or constants.DEFAULT_REVISION)
    except (HTTPError, InvalidURL, OSError, UnicodeEncodeError) as error:
        if not (cached and is_unavailable(error)):
            raise UnfreezeError(explain(error, name, revision)) from None
        model = cached
    except (AttributeError, KeyError, TypeError, ValueError):  # not the JSON of a Hub
        if not cached:
            raise UnfreezeError(
                f"{host()} does not answer like the Hugging Face Hub: "
                "check the network and HF_ENDPOINT."
            ) from None
        model = cached
    return model


def fetch(model: HubModel) -> Task[Path]:
    """Download what is not on this machine yet, and return the folder. Raises UnfreezeError.

    An interrupted or cancelled download is resumed by the next call. Every file is checked against its
    published checksum before it enters the cache.
    """
    if is_ready(model):
        return model.folder
    if model.cached:
        raise UnfreezeError(f"{model.name} is no longer on this machine: choose it again.")
    locks = model.storage.parent / ".locks" / model.storage.name
    # A generator may be closed by another thread than the one that started it.
    lock = FileLock(locks / "unfreeze.lock", thread_local=False)
    with explain_errors(model.name, model.revision):
        locks.mkdir(parents=True, exist_ok=True)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=hub_transfer.REPORT_EVERY)
            except Timeout:  # another run or page downloads the same model
                yield Progress("waiting", 0, None)
        try:
            yield from _fetch(model)
        finally:
            lock.release()
    return model.folder


def _fetch(model: HubModel) -> Task[None]:
    from huggingface_hub import hf_hub_url

    _check_disk_space(model)
    finished = 0
    for file in model.files:
        if model.received(file) < file.size:
            url = hf_hub_url(model.name, file.name, revision=model.revision)
            part = model.part(file)
            title = f"{file.name} of {model.name}"
            transfer = hub_transfer.download(url, part, title, file.size, file.etag)
            with closing(transfer):
                for done in transfer:
                    yield Progress("downloading", finished + done, model.size, "bytes")
            part.replace(model.blob(file))
        link(model, file)
        finished += file.size
    yield Progress("downloading", finished, model.size, "bytes")
    if read_ref(model) != model.revision:
        files.write(model.ref, model.revision.encode())


def _check_disk_space(model: HubModel) -> None:
    folder = model.storage
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if model.download > free:
        raise UnfreezeError(
            f"{model.name} needs {size(model.download)} more on the disk of {folder}, which has "
            f"{size(free)} free: free some space, or set HF_HOME to a folder on another disk."
        )


def _check(name: str, revision: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        raise UnfreezeError(
            f"{printable(name) or 'An empty text'} is not the name of a model on the Hub: "
            f"give one such as {_EXAMPLE}, or the path of a folder."
        ) from None
    if revision and not _REVISION.fullmatch(revision):
        raise UnfreezeError(
            f"{printable(revision)} is not a revision: give a branch, a tag or a commit."
        )


def _from_info(info: "ModelInfo", name: str, branch: str) -> HubModel:
    """Raises UnfreezeError if files are missing, ValueError if the answer is not of a Hub."""
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    if not (info.sha and COMMIT.fullmatch(info.sha)):
        raise ValueError("no commit")
    card = info.card_data.to_dict() if info.card_data else {}
    return HubModel(
        name=name,
        revision=info.sha,
        branch=branch,
        files=tuple(hub_files.described(siblings[file]) for file in needed_files(name, siblings)),
        model_type=str((info.config or {}).get("model_type") or ""),
        license=license_of(card),
        languages=languages_of(card),
        parameters=info.safetensors.total if info.safetensors else None,
    )
