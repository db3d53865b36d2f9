"""What to tell the user when the Hub cannot be reached or refuses a request.

No message quotes what a library says: it may contain a token or a signed address.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from ftcore import paths
from ftcore.errors import UnfreezeError, is_disk_full
from ftcore.formatting import duration

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

Kind = Literal["model", "dataset"]
_OTHERWISE: dict[Kind, str] = {
    "model": "or choose a model that is on this machine",
    "dataset": "or give a file of it",
}


@contextmanager
def explain_errors(name: str, revision: str, kind: Kind = "model") -> Iterator[None]:
    """Turn errors of the network, the Hub and the disk into an UnfreezeError."""
    from httpx2 import HTTPError, InvalidURL

    try:
        yield
    except (HTTPError, InvalidURL, OSError, UnicodeEncodeError) as error:
        raise UnfreezeError(explain(error, name, revision, kind)) from None


def host(error: Exception | None = None) -> str:
    """Return the host that failed, which need not be the Hub: files come from other ones."""
    from httpx2 import HTTPError
    from huggingface_hub import constants

    if isinstance(error, HTTPError):
        with suppress(RuntimeError):  # it has no request
            return error.request.url.host
    return urlsplit(constants.ENDPOINT).hostname or "the Hub"


def is_unavailable(error: Exception) -> bool:
    """Whether the Hub cannot be reached or is busy, so that it may answer later."""
    from httpx2 import NetworkError, ProxyError, RemoteProtocolError, TimeoutException
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in (408, 429) or status >= 500
    kinds = (NetworkError, ProxyError, RemoteProtocolError, TimeoutException, OfflineModeIsEnabled)
    return isinstance(error, kinds)


def seconds_to_wait(error: Exception) -> float:
    """Return how long the Hub asks to wait, or 0 if it does not."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import parse_ratelimit_headers

    if not isinstance(error, HfHubHTTPError):
        return 0.0
    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit and not limit.remaining and error.response.status_code == 429:
        return float(limit.reset_in_seconds)
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def explain(error: Exception, name: str, revision: str, kind: Kind = "model") -> str:
    """Return what is wrong and the way out."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    otherwise = _OTHERWISE[kind]
    match error:
        case OfflineModeIsEnabled():
            at = f" at {revision}" if revision else ""
            return f"{name}{at} is not on this machine, or not all of it: unset HF_HUB_OFFLINE, {otherwise}."
        case HfHubHTTPError():
            return _explain_answer(error, name, revision, kind)
        case UnicodeEncodeError() | httpx2.LocalProtocolError():
            return "HF_TOKEN contains a character that no token has: correct it, or unset it."
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return "HF_ENDPOINT is not an address: correct it, or unset it."
        case httpx2.TimeoutException():
            return f"{host(error)} does not answer: try again later, {otherwise}."
        case httpx2.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return (
                f"The certificate of {host(error)} is not trusted: add its authority to those of the "
                "system, or name it in SSL_CERT_FILE."
            )
        case httpx2.ConnectError() | httpx2.ProxyError():
            return f"No connection to {host(error)}: check the network, {otherwise}."
        case httpx2.HTTPError():
            return f"The download from {host(error)} was interrupted: start it again to resume it."
    folder, setting = constants.HF_HUB_CACHE, "HF_HOME"
    if kind == "dataset":
        folder, setting = str(paths.downloads_dir()), "UNFREEZE_HOME"
    if isinstance(error, OSError) and is_disk_full(error):
        return f"The disk is full at {folder}: free some space, then start again to resume."
    reason = getattr(error, "strerror", None) or type(error).__name__
    return f"{folder} cannot be used ({reason}): set {setting} to another folder."


def _explain_answer(error: "HfHubHTTPError", name: str, revision: str, kind: Kind) -> str:
    from huggingface_hub.errors import (
        DisabledRepoError,
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    otherwise = _OTHERWISE[kind]
    page = name if kind == "model" else f"datasets/{name}"
    site, status = host(error), error.response.status_code
    has_token = "authorization" in error.response.request.headers
    match error:
        case RevisionNotFoundError():
            return (
                f"{name} has no revision {revision or 'main'} (any more): "
                "give another one, or none for the newest."
            )
        case GatedRepoError():
            return (
                f"{name} may be used once its terms are accepted: accept them at {site}/{page}, "
                "then set HF_TOKEN to a token of that account."
            )
        case DisabledRepoError():
            return f"{name} has been disabled on {site}: choose another {kind}."
        case EntryNotFoundError():
            return f"{site} lacks a file of {name} that it lists: try again later, {otherwise}."
    refused = has_token and not isinstance(error, RepositoryNotFoundError)
    match status:
        case 401 if refused:
            return f"{site} does not accept the token: set HF_TOKEN to a valid one, or unset it."
        case 401 | 404:
            return (
                f"{site} has no {kind} {name}, or it is private: "
                "check the name, or set HF_TOKEN to a token that may read it."
            )
        case 403:
            return f"{site} denies access to {name}: set HF_TOKEN to a token that may read it."
        case 429:
            wait = seconds_to_wait(error)
            when = f"in {duration(wait)}" if wait else "later"
            return f"{site} limits the number of requests: try again {when}."
    answer = f"{status} {error.response.reason_phrase}".strip()
    if status >= 500:
        return f"{site} answers {answer}: try again later, {otherwise}."
    return f"{site} answers {answer}: check the network and HF_ENDPOINT."
