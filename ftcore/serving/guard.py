"""What a request has to pass before it is parsed: key, media type, size, time."""

import asyncio
import hmac
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ftcore.serving import limits
from ftcore.serving.limits import Refusal, Refused

OPEN = ("/", "/health", "/openapi.json")
"""Paths that need no key."""


class Guard:
    """Refuses a request before it costs anything; `app` gets bodies whole.

    `key`: "" lets everybody in. `count` is told the status of each request for answers, and its seconds.
    """

    def __init__(self, app: ASGIApp, key: str, count: Callable[[int, float], None]) -> None:
        self._app, self._key, self._count = app, key.encode(), count
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/predict":
            await self._without_body(scope, receive, send)
            return
        began, statuses = time.perf_counter(), [499]  # the client left before an answer

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses[0] = message["status"]
            await send(message)

        self._active += 1
        try:
            body = await self._body(scope, receive)
            await self._app(scope, replay(body, receive), counted)
        except Refused as refused:
            await refused.refusal.response(scope, receive, counted)
        except ClientDisconnect:
            pass
        finally:
            self._active -= 1
            self._count(statuses[0], time.perf_counter() - began)

    async def _without_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN and not self._has_key(scope):
            await limits.WRONG_KEY.response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        kind, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        right = hmac.compare_digest(key.strip().encode(), self._key)
        return not self._key or (kind.lower() == "bearer" and right)

    def _fault(self, scope: Scope) -> Refusal | None:
        """What is wrong with the head of a request."""
        headers = Headers(scope=scope)
        if not self._has_key(scope):
            return limits.WRONG_KEY
        if self._active > limits.MAX_REQUESTS:
            return limits.BUSY
        if headers.get("content-encoding", "identity").lower() != "identity":
            return limits.ENCODED
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and media_type != "application/json":
            return limits.NOT_JSON
        return None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Read a body. Raises Refused, after the body was read, as a client reads no answer before."""
        fault, body, size, more = self._fault(scope), bytearray(), 0, True
        try:
            async with asyncio.timeout(limits.BODY_SECONDS):
                while more and size <= limits.MAX_DISCARDED:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size += len(chunk)
                    if size > limits.MAX_BODY:
                        fault = fault or limits.TOO_LARGE
                    if fault:
                        body.clear()
                    else:
                        body += chunk
        except TimeoutError:
            raise Refused(fault or limits.TOO_SLOW) from None
        if fault:
            raise Refused(fault)
        return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives an app a body that was read, and then what follows it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
