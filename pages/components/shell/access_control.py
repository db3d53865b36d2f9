"""Middleware that decides which requests, HTTP and WebSocket, reach the dashboard."""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.web.server.starlette import starlette_websocket

from ftcore import paths
from ftcore.access import (
    Networks,
    Password,
    SignIn,
    SignInPace,
    client_host,
    is_loopback,
    network_of,
)
from ftcore.serving.connections import CONNECTION
from ftcore.storage.sign_outs import SignOuts
from pages.components.shell import sign_in
from pages.components.shell.sign_in import HEALTH, SIGN_IN, SIGN_OUT

COOKIE = "unfreeze_sign_in"
MAX_FORM_BYTES = 4_096
MAX_WAIT = 8.0  # seconds for the turn of a password
MAX_WAITING, MAX_WAITING_OF_ONE = (
    256,
    64,
)  # passwords that wait for their turn: in all, of one network
POLL_SECONDS = (0.1, 0.3)  # random, so that each that waits has the same chance
RECHECK_SECONDS = 1.0  # after which an open WebSocket of a sign-in that has ended is closed
STREAMLIT_COOKIE = "_streamlit_user"
# Streamlit's own sign-in leaves these open, so they are closed here.
STREAMLIT_PRIVATE = ("_stcore/upload_file", "_stcore/script-health-check", "media", HEALTH)
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

LOCAL_ONLY = (
    "This dashboard can be opened on the machine it runs on only. To open it to a network, "
    "set UNFREEZE_PASSWORD, as docs/settings.md says."
)
UNKNOWN_HOST = (
    "This dashboard does not answer to the host name in its address. Add the name to "
    "server.allowedHosts, as docs/settings.md says."
)
UNSIGNED = "Sign in first."
CROSS_SITE = "Sign in on this dashboard's own page."
WRONG_PASSWORD = "That is not the password."
TOO_LONG = "That is too long for a password."
TOO_MANY = "Too many passwords are being tried; try again in a few seconds."
_NO_STORE = {"Cache-Control": "no-store"}
Answer = Response | None  # None lets the request through


class AccessControl:
    """Base class: refuses unknown hosts, leaves the rest to `respond`.

    /health is open to this machine, for monitoring.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.base = sign_in.url_path("")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        response = None
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(self.base)
        if not starlette_websocket.is_host_allowed(connection.headers.get("host")):
            response = _refuse(UNKNOWN_HOST, 403)
        elif path != HEALTH or not _is_local(connection):
            response = await self.respond(connection, path, receive)
        if response is None:
            if CONNECTION in scope:
                scope[CONNECTION].trusted |= self.is_signed_in(connection)
            await self.pass_on(scope, receive, send)
        elif scope["type"] == "websocket":
            # Without a reason: no browser shows it, and uvicorn 0.54 logs an error of its own then.
            await WebSocket(scope, receive, send).close(1008)
        else:
            await response(scope, receive, send)

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        """Return the response in the app's place."""
        raise NotImplementedError

    def is_signed_in(self, connection: HTTPConnection) -> bool:
        """Whether the sender of a request that was let through may use the dashboard."""
        return True

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        await self.app(scope, receive, send)


class LocalOnly(AccessControl):
    """Lets in requests from this machine. In force where no sign-in is set up."""

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        return None if _is_local(connection) else _refuse(LOCAL_ONLY, 403)


class StreamlitSignIn(AccessControl):
    """Closes what Streamlit's own sign-in leaves open to visitors who have not signed in."""

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        open_to_all = not path.startswith(STREAMLIT_PRIVATE)
        return None if open_to_all or self.is_signed_in(connection) else _refuse(UNSIGNED, 401)

    def is_signed_in(self, connection: HTTPConnection) -> bool:
        user = starlette_websocket._get_signed_cookie_with_chunks(
            connection.cookies, STREAMLIT_COOKIE
        )
        return bool(user) and bool(json.loads(user).get("is_logged_in"))


class PasswordSignIn(AccessControl):
    """Lets in visitors who have given the shared password, and serves the form that asks for it."""

    def __init__(self, app: ASGIApp, password: Password, proxies: Networks) -> None:
        super().__init__(app)
        self.password, self.proxies = password, proxies
        self.pace = SignInPace()
        self.waiting: Counter[str] = Counter()  # passwords that wait for their turn, by network
        self.sign_outs = SignOuts(paths.sign_outs_file())

    def current_sign_in(self, connection: HTTPConnection) -> SignIn | None:
        """The sign-in of a request's cookie, if it is valid."""
        return self.password.read_token(connection.cookies.get(COOKIE, ""), time.time())

    def is_current(self, sign_in: SignIn) -> bool:
        """Whether a sign-in has neither expired nor been ended."""
        return time.time() < sign_in.expiry and sign_in not in self.sign_outs

    def is_signed_in(self, connection: HTTPConnection) -> bool:
        current = self.current_sign_in(connection)
        return current is not None and self.is_current(current)

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer; a WebSocket as long as its sign-in lasts."""
        current = self.current_sign_in(HTTPConnection(scope))
        if scope["type"] != "websocket" or current is None:
            await self.app(scope, receive, send)
            return
        is_open = True

        async def send_while_open(message: Message) -> None:
            if is_open:
                await send(message)

        async def close_once_ended() -> None:
            nonlocal is_open
            while self.is_current(current):
                await asyncio.sleep(RECHECK_SECONDS)
            is_open = False
            with contextlib.suppress(RuntimeError, OSError):  # it is closed already
                await send({"type": "websocket.close", "code": 1008})

        watcher = asyncio.create_task(close_once_ended())
        try:
            await self.app(scope, receive, send_while_open)
        finally:
            watcher.cancel()

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        signed_in = self.is_signed_in(connection)
        if connection.scope["type"] == "http":
            if path == SIGN_OUT:
                if signed_in and (current := self.current_sign_in(connection)):
                    await asyncio.to_thread(self.sign_outs.add, current)
                response = RedirectResponse(self.base + SIGN_IN, 303, _NO_STORE)
                response.delete_cookie(COOKIE, self.base)
                return response
            if path == SIGN_IN:
                return await self._sign_in(Request(connection.scope, receive), signed_in)
            if not signed_in and "text/html" in connection.headers.get("accept", ""):
                url = connection.url
                target = quote(f"{url.path}?{url.query}" if url.query else url.path, safe="")
                return RedirectResponse(f"{self.base}{SIGN_IN}?next={target}", 303, _NO_STORE)
        return None if signed_in else _refuse(UNSIGNED, 401)

    async def _sign_in(self, request: Request, signed_in: bool) -> Response:
        if request.method == "POST":
            return await self._submit(request)
        target = self._local_path(request.query_params.get("next", ""))
        return RedirectResponse(target, 303, _NO_STORE) if signed_in else _form(target)

    async def _submit(self, request: Request) -> Response:
        """Check the submitted password: set the cookie, or show the form with an error."""
        if not _is_same_site(request.headers):
            return _refuse(CROSS_SITE, 403)
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    return _refuse(TOO_LONG, 413)
        except ClientDisconnect:  # or too slow
            return _refuse(UNSIGNED, 400)
        fields = parse_qs(body.decode("utf-8", "replace"))
        target = self._local_path(fields.get("next", [""])[0])
        host = self._client(request)
        if not await self._has_turn(request, host):
            response = _form(target, TOO_MANY, 429)
            response.headers["Retry-After"] = str(round(MAX_WAIT))
            return response
        if not self.password.matches(fields.get("password", [""])[0]):
            self.pace.record_failure(host)
            return _form(target, WRONG_PASSWORD, 403)
        response = RedirectResponse(target, 303, _NO_STORE)
        response.set_cookie(
            COOKIE,
            self.password.issue_token(time.time()),
            path=self.base,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def _has_turn(self, request: Request, host: str) -> bool:
        """Wait until a password from `host` may be checked. Returns False if that takes too long."""
        network, end = network_of(host), time.monotonic() + MAX_WAIT
        if self.waiting[network] >= MAX_WAITING_OF_ONE or self.waiting.total() >= MAX_WAITING:
            return False
        self.waiting[network] += 1
        try:
            while not self.pace.may_check(host):
                if time.monotonic() > end or await request.is_disconnected():
                    return False
                await asyncio.sleep(random.uniform(*POLL_SECONDS))
            return True
        finally:
            self.waiting[network] -= 1
            self.waiting += Counter()  # drops those at zero

    def _client(self, request: Request) -> str:
        """The address of the client that a request comes from, possibly through a trusted proxy."""
        forwarded_for = ",".join(request.headers.getlist("x-forwarded-for"))
        return client_host(_peer(request), forwarded_for, self.proxies)

    def _local_path(self, target: str) -> str:
        """Return `target` if it is a path of this server other than the form, else the home page."""
        is_path = target.startswith("/") and not target.startswith("//") and "\\" not in target
        is_form = target.startswith(self.base + SIGN_IN)
        return target if is_path and target.isprintable() and not is_form else self.base


def _refuse(message: str, status: int) -> Response:
    return PlainTextResponse(message, status, _NO_STORE)


def _form(target: str, error: str = "", status: int = 200) -> Response:
    return HTMLResponse(sign_in.form_html(target, error), status, _NO_STORE)


def _peer(connection: HTTPConnection) -> str:
    """The address at the other end of the connection; uvicorn's may be taken from a header."""
    if CONNECTION in connection.scope:
        return connection.scope[CONNECTION].peer[0]
    return connection.client.host if connection.client else ""


def _is_local(connection: HTTPConnection) -> bool:
    """Whether a request comes from this machine, and not through a proxy on it."""
    proxied = any(name in connection.headers for name in PROXY_HEADERS)
    return is_loopback(_peer(connection)) and not proxied


def _is_same_site(headers: Headers) -> bool:
    """Whether a form was submitted from our own page, by the headers that only the browser can set."""
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
