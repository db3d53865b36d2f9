"""A folder goes to the Hub as a new model, in one commit.

No message quotes what a library says: it may contain a token or a signed address.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore import __version__
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.storage.hub_errors import host

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_POLL = 0.2  # seconds between two reports
_OWN_FILES = {".gitattributes"}  # which the Hub puts into a new repository


def check(name: str, token: str = "") -> None:
    """Raise UnfreezeError if nothing can be pushed under a name: no token, or files there already.

    token: "" for that of HF_TOKEN, or of the Hub's own log-in.
    """
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        name = ""
    if name.count("/") != 1:
        raise UsageError("A model on the Hub is named OWNER/NAME: give your user name and a name.")
    with _explained(name):
        if not (token or get_token()):
            raise UnfreezeError(
                "There is no token for the Hub: set HF_TOKEN to one that may write, or run hf auth login."
            )
        try:
            siblings = _api(token).model_info(name).siblings
        except RepositoryNotFoundError:
            return
        if {file.rfilename for file in siblings or ()} - _OWN_FILES:
            raise UnfreezeError(f"{name} is already on {host()}: choose another name.")


def check_permission(name: str, token: str = "") -> None:
    """Raise UnfreezeError if the Hub says that a token may not write; if it says nothing, it may."""
    from huggingface_hub.errors import HfHubHTTPError

    with _explained(name):
        try:
            identity = _api(token).whoami()
        except HfHubHTTPError as error:
            if error.response.status_code == 401:
                raise
            return  # it limits these requests strictly
    if not _may_write(identity):
        raise UnfreezeError(_refusal(403, name, host()))


def _may_write(identity: object) -> bool:
    match identity:
        case {"auth": {"accessToken": {"role": "read"}}}:
            return False
        case {"auth": {"accessToken": {"role": "fineGrained", "fineGrained": {"scoped": scopes}}}}:
            return "repo.write" in json.dumps(scopes)
    return True


def push(folder: Path, name: str, private: bool, token: str = "") -> Task[str]:
    """Upload the files of a folder as a new model, and return its address. Raises UnfreezeError.

    All files or none: an upload that fails leaves a model without files, which the next one fills. It
    cannot be cancelled; closing the task waits for its end.
    """
    check(name, token)
    with _explained(name), ThreadPoolExecutor(1, "upload") as pool:
        upload = pool.submit(_upload, folder, name, private, token)
        began = time.monotonic()
        while not wait([upload], _POLL).done:
            yield Progress("uploading", time.monotonic() - began, None, "seconds")
        return upload.result()


def _upload(folder: Path, name: str, private: bool, token: str) -> str:
    from huggingface_hub import CommitOperationAdd

    api = _api(token)
    url = api.create_repo(name, private=private, exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    additions = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
    api.create_commit(name, additions, commit_message="Fine-tuned with Unfreeze")
    return str(url)


def _api(token: str) -> "HfApi":
    from huggingface_hub import HfApi, constants

    return HfApi(
        endpoint=constants.ENDPOINT,  # of now; by default it is that of the time of import
        token=token or None,
        library_name="unfreeze",
        library_version=__version__,
    )


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn errors of the network and the Hub into an UnfreezeError."""
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except HfHubHTTPError as error:
        raise UnfreezeError(_refusal(error.response.status_code, name, host(error))) from None
    except OfflineModeIsEnabled:
        raise UnfreezeError("HF_HUB_OFFLINE is set: unset it, and push again.") from None
    except (HTTPError, InvalidURL, OSError, RuntimeError, ValueError) as error:
        where = host(error if isinstance(error, HTTPError) else None)
        raise UnfreezeError(
            f"The upload to {where} failed ({type(error).__name__}): check the network, and push again."
        ) from None


def _refusal(status: int, name: str, site: str) -> str:
    match status:
        case 401:
            return f"{site} does not accept the token: give a valid one."
        case 403 | 404:
            owner = name.partition("/")[0]
            return f"{site} does not let this token write for {owner}: give one that may."
    return f"{site} answers with status {status}: push again later."
