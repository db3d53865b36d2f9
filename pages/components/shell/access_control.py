"""Middleware that decides which requests, HTTP and WebSocket, reach the dashboard."""

import json
import math
import time
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.web.server.starlette import starlette_websocket

from ftcore.access import Password, SignInThrottle, is_loopback
from pages.components.shell import sign_in
from pages.components.shell.sign_in import HEALTH, SIGN_IN, SIGN_OUT

COOKIE = "unfreeze_sign_in"
MAX_FORM_BYTES = 4_096
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
        response = None
        if scope["type"] != "lifespan":
            connection = HTTPConnection(scope)
            path = scope["path"].removeprefix(self.base)
            if not starlette_websocket.is_host_allowed(connection.headers.get("host")):
                response = _refuse(UNKNOWN_HOST, 403)
            elif path != HEALTH or not _is_local(connection):
                response = await self.respond(connection, path, receive)
        if response is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Without a reason: no browser shows it, and uvicorn 0.54 logs an error of its own then.
            await WebSocket(scope, receive, send).close(1008)
        else:
            await response(scope, receive, send)

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        """Return the response in the app's place."""
        raise NotImplementedError


class LocalOnly(AccessControl):
    """Lets in requests from this machine. In force where no sign-in is set up."""

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        return None if _is_local(connection) else _refuse(LOCAL_ONLY, 403)


class StreamlitSignIn(AccessControl):
    """Closes what Streamlit's own sign-in leaves open to visitors who have not signed in."""

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        if not path.startswith(STREAMLIT_PRIVATE):
            return None
        user = starlette_websocket._get_signed_cookie_with_chunks(
            connection.cookies, STREAMLIT_COOKIE
        )
        signed_in = bool(user) and bool(json.loads(user).get("is_logged_in"))
        return None if signed_in else _refuse(UNSIGNED, 401)


class PasswordSignIn(AccessControl):
    """Lets in visitors who have given the shared password, and serves the form that asks for it."""

    def __init__(self, app: ASGIApp, password: Password) -> None:
        super().__init__(app)
        self.password = password
        self.throttle = SignInThrottle()

    async def respond(self, connection: HTTPConnection, path: str, receive: Receive) -> Answer:
        token = connection.cookies.get(COOKIE, "")
        signed_in = self.password.verify_token(token, time.time())
        if connection.scope["type"] == "http":
            if path == SIGN_OUT:
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
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                return _refuse(TOO_LONG, 413)
        fields = parse_qs(body.decode("utf-8", "replace"))
        target = self._local_path(fields.get("next", [""])[0])
        host = request.client.host if request.client else ""
        if wait := math.ceil(self.throttle.seconds_to_wait(host)):
            response = _form(target, f"Too many wrong passwords; try again in {wait} s.", 429)
            response.headers["Retry-After"] = str(wait)
            return response
        if not self.password.matches(fields.get("password", [""])[0]):
            self.throttle.record_failure(host)
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

    def _local_path(self, target: str) -> str:
        """Return `target` if it is a path of this server other than the form, else the home page."""
        is_path = target.startswith("/") and not target.startswith("//") and "\\" not in target
        is_form = target.startswith(self.base + SIGN_IN)
        return target if is_path and target.isprintable() and not is_form else self.base


def _refuse(message: str, status: int) -> Response:
    return PlainTextResponse(message, status, _NO_STORE)


def _form(target: str, error: str = "", status: int = 200) -> Response:
    return HTMLResponse(sign_in.form_html(target, error), status, _NO_STORE)


def _is_local(connection: HTTPConnection) -> bool:
    """Whether a request comes from this machine, and not through a proxy on it."""
    proxied = any(name in connection.headers for name in PROXY_HEADERS)
    return connection.client is not None and is_loopback(connection.client.host) and not proxied


def _is_same_site(headers: Headers) -> bool:
    """Whether a form was submitted from our own page, by the headers that only the browser can set."""
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
