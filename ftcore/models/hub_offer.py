"""The encoder that pages suggest first, once the Hub has answered that it can be had."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future

from ftcore.errors import UnfreezeError
from ftcore.models import hub
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.hub_cache import HubModel
from ftcore.models.suggestions import SUGGESTIONS

ASK_AGAIN = 60.0  # seconds after which the Hub is asked again if there was no network
_lock = threading.Lock()
_asked: tuple[float, Future[HubModel | None]] | None = None  # when, and the answer


def first_suggestion(checkpoints: Iterable[Checkpoint]) -> HubModel | None:
    """Return the first of `SUGGESTIONS` as it is on the Hub, or None if one of `checkpoints` is an encoder.

    Never waits: a thread asks the Hub, and until it has an answer, as without a network, this is None.
    """
    global _asked
    if any(isinstance(checkpoint.model, EncoderSpec) for checkpoint in checkpoints):
        return None
    with _lock:
        if _asked is None or _is_outdated(*_asked):
            _asked = time.monotonic(), Future()
            # A daemon, so that a Hub which does not answer holds no process back from its end.
            threading.Thread(target=_ask, args=_asked[1:], name="hub-offer", daemon=True).start()
        answer = _asked[1]
    return answer.result() if answer.done() else None


def is_awaited() -> bool:
    """Whether the Hub was asked and has not answered yet."""
    with _lock:
        return _asked is not None and not _asked[1].done()


def _is_outdated(when: float, answer: Future[HubModel | None]) -> bool:
    return answer.done() and answer.result() is None and time.monotonic() - when > ASK_AGAIN


def _ask(answer: Future[HubModel | None]) -> None:
    model = None
    try:
        model = hub.describe(SUGGESTIONS[0].name, SUGGESTIONS[0].revision)
    except UnfreezeError:  # pages do without
        pass
    finally:
        answer.set_result(model)
