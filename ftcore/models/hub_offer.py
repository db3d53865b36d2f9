"""What a page tells of encoders on the Hub before they are downloaded; a thread asks, and no page waits."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from ftcore.errors import UnfreezeError
from ftcore.formatting import count, size
from ftcore.models import hub
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.hub_cache import HubModel
from ftcore.models.suggestions import SUGGESTIONS

ASK_AGAIN = 60.0  # seconds after which the Hub is asked again if it gave no model
MOST_ASKED = 100  # names that are remembered
Answer = HubModel | UnfreezeError


@dataclass(frozen=True)
class _Question:
    answer: "Future[Answer]" = field(default_factory=Future)
    when: float = field(default_factory=time.monotonic)

    @property
    def is_outdated(self) -> bool:
        failed = self.answer.done() and isinstance(self.answer.result(), UnfreezeError)
        return failed and time.monotonic() - self.when > ASK_AGAIN


_lock = threading.Lock()
_asked: dict[tuple[str, str], _Question] = {}  # by name and revision


def described(name: str, revision: str = "") -> Answer | None:
    """What a name and a revision stand for on the Hub, or why that cannot be told; None until it is known."""
    with _lock:
        question = _asked.get((name, revision))
        if question is None or question.is_outdated:
            question = _asked[name, revision] = _Question()
            while len(_asked) > MOST_ASKED:
                del _asked[next(iter(_asked))]
            arguments = name, revision, question.answer
            # A daemon, so that a Hub which does not answer holds no process back from its end.
            threading.Thread(target=_ask, args=arguments, name="hub-offer", daemon=True).start()
    return question.answer.result() if question.answer.done() else None


def first_suggestion(checkpoints: Iterable[Checkpoint]) -> HubModel | None:
    """Return the first of `SUGGESTIONS` as it is on the Hub, or None if one of `checkpoints` is an encoder.

    Never waits: until the Hub has an answer, as without a network, this is None.
    """
    if any(isinstance(checkpoint.model, EncoderSpec) for checkpoint in checkpoints):
        return None
    answer = described(SUGGESTIONS[0].name, SUGGESTIONS[0].revision)
    return answer if isinstance(answer, HubModel) else None


def is_awaited() -> bool:
    """Whether the Hub was asked for the first suggestion and has not answered yet."""
    with _lock:
        question = _asked.get((SUGGESTIONS[0].name, SUGGESTIONS[0].revision))
    return question is not None and not question.answer.done()


def facts(model: HubModel) -> list[str]:
    """What to know of a model before its download: the size, the licence, and what else the Hub says."""
    told = [f"{size(model.download)} to download" if model.download else "on this machine"]
    told.append(f"licence {model.license}" if model.license else "licence not stated")
    if model.parameters:
        told.append(f"{count(model.parameters)} parameters")
    if model.languages:
        told.append(", ".join(model.languages[:3]))
    return told


def _ask(name: str, revision: str, answer: "Future[Answer]") -> None:
    given: Answer = UnfreezeError("The Hub's answer cannot be read; see the log.")
    try:
        given = hub.describe(name, revision)
    except UnfreezeError as error:
        given = error
    finally:
        answer.set_result(given)
