"""How much an endpoint takes, and the refusals beyond that."""

from dataclasses import dataclass, field

from starlette.responses import JSONResponse

MAX_TEXTS = 1_000
"""Of a request."""
MAX_CHARACTERS = 100_000
"""Of a text; a model reads the first 4,096 tokens of it at most."""
MAX_BODY = 4_000_000
"""Bytes of a request's body."""
MAX_DISCARDED = 16 * MAX_BODY
"""Bytes of a body that is too large, read so that the client gets to see the answer."""
MAX_REQUESTS = 128
"""That are answered at a time."""
BODY_SECONDS = 20.0
"""In which a body has to arrive."""
ANSWER_SECONDS = 60.0
"""In which a request has to be answered."""
EXAMPLE = 'send {"texts": ["a text"]}'


@dataclass(frozen=True)
class Refusal:
    """Why a request gets no answer: a status, and what is wrong in a sentence."""

    status: int
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.sentence}, self.status, self.headers)


class Refused(Exception):
    """Raised where a request is refused."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


BUSY = Refusal(
    503,
    f"{MAX_REQUESTS} requests are being answered: try again in a second.",
    {"Retry-After": "1"},
)
TOO_LATE = Refusal(503, f"The answer took more than {ANSWER_SECONDS:.0f} s: send fewer texts.")
TOO_LARGE = Refusal(413, f"The body has more than {MAX_BODY:,} bytes: send fewer texts.")
TOO_SLOW = Refusal(408, f"The body did not arrive within {BODY_SECONDS:.0f} s: send it faster.")
NOT_JSON = Refusal(415, f"The Content-Type has to be application/json: {EXAMPLE}.")
ENCODED = Refusal(
    415, "The Content-Encoding has to be identity: send the body as it is, not compressed."
)
WRONG_KEY = Refusal(
    401,
    "The key is missing or wrong: send it as Authorization: Bearer KEY.",
    {"WWW-Authenticate": "Bearer"},
)
