"""The process of an endpoint: its address, its key, its start and its end."""

import json
import os
import signal
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ftcore import access
from ftcore.errors import UsageError
from ftcore.inference.text_model import TextModel
from ftcore.serving import app, limits, listening
from ftcore.validation import printable

KEY = "UNFREEZE_API_KEY"
LEAST_KEY = 16
"""Characters of a key."""
STOP_SECONDS = int(limits.ANSWER_SECONDS) + 5


def _refusal(status: str, sentence: str) -> bytes:
    """An answer to what never became a request, in the form of all other refusals."""
    body = json.dumps({"error": sentence})
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


_FAREWELL = _refusal("408 Request Timeout", "The request did not arrive in time: send it faster.")
_NO_HTTP = _refusal(
    "400 Bad Request", "This is no valid HTTP request: correct the client, or call http, not https."
)


def key(host: str) -> str:
    """Return the key that callers have to send, "" for none. Raises UsageError."""
    given = os.environ.get(KEY, "")
    if not given and not access.is_loopback(host):
        raise UsageError(
            f"The endpoint does not start on {printable(host)} without a key: set {KEY}."
        )
    if given and (len(given) < LEAST_KEY or not (given.isascii() and given.isprintable())):
        raise UsageError(
            f"{KEY} is no key: take {LEAST_KEY} or more ASCII characters, such as those of "
            "`openssl rand -hex 16`."
        )
    return given


def address(host: str, port: int) -> str:
    """Return the address of an endpoint."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(model: TextModel, key: str, bound: socket.socket, announce: Callable[[], None]) -> None:
    """Answer until a signal ends it; what is under way is finished first.

    `announce` is called once it can be reached. Raises KeyboardInterrupt after Ctrl-C.
    """
    # After its end, uvicorn sends itself the signal again.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        Server(model, key, announce).run([bound])
    finally:
        signal.signal(signal.SIGTERM, before)


class _Protocol(H11Protocol):
    """Refuses what is no HTTP in JSON, where uvicorn has a text of its own."""

    def send_400_response(self, msg: str) -> None:
        answers = self.cycle and self.cycle.response_started and not self.cycle.response_complete
        if not answers:  # else these bytes would be part of that answer
            self.transport.write(_NO_HTTP)
        self.transport.close()


class Server(uvicorn.Server):
    """The endpoint of a model, with our limits on connections."""

    def __init__(self, model: TextModel, key: str, announce: Callable[[], None]) -> None:
        endpoint = app.create(model, key)
        super().__init__(
            uvicorn.Config(
                endpoint, http=_Protocol, ws="none", log_config=None, server_header=False
            )
        )
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        none = access.Networks("", "")
        await listening.startup(self, sockets, none, STOP_SECONDS, _FAREWELL)
        self._announce()
