"""Requests to the middleware that decides who reaches the dashboard, driven as an ASGI app."""

import time
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

import app as server
from ftcore.access import Networks, Password
from pages.components.shell import access_control as access
from pages.components.shell.access_control import COOKIE

SECRET = "open sesame"
NETWORK = "192.0.2.7"  # an address of no machine
PATHS = ["/", "/train", "/health", "/sign-in/x", "/media/a.csv", "/static/js/index.js"]
PATHS += ["/assets/plotly.js", "/component/x", "/auth/login", "/oauth2callback", "/_stcore/health"]
PATHS += ["/_stcore/host-config", "/_stcore/upload_file/a/b", "/_stcore/script-health-check"]
KINDS = ("http", "websocket")
PASSWORD = Password(SECRET)


async def inner_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the dashboard: answers with status 204, sends back what a WebSocket brings."""
    if scope["type"] == "websocket":
        await (socket := WebSocket(scope, receive, send)).accept()
        with suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())
    else:
        await Response(status_code=204)(scope, receive, send)


def password_sign_in(proxies: str = "") -> access.PasswordSignIn:
    return access.PasswordSignIn(inner_app, PASSWORD, Networks(proxies, "X"))


def cookie(age: float = 0.0) -> str:
    return f"{COOKIE}={PASSWORD.issue_token(time.time() - age)}"


def request(
    control: access.AccessControl,
    path: str = "/",
    method: str = "GET",
    client: str = NETWORK,
    kind: str = "http",
    body: bytes = b"",
    **headers: str,
) -> Any:
    """The response of the middleware; a WebSocket that it closes has status 403."""
    app = TestClient(
        server.SecurityHeaders(control), client=(client, 50000), follow_redirects=False
    )
    headers = {"host": "127.0.0.1:8501"} | headers
    sent = {name.replace("_", "-"): value.encode("latin-1") for name, value in headers.items()}
    if kind == "websocket":
        try:
            with app.websocket_connect(path, headers=sent):
                return Response(status_code=204)
        except WebSocketDisconnect as error:
            assert (error.code, error.reason) == (1008, "")
            return Response(status_code=403)
    response = app.request(method, path, content=body, headers=sent)
    assert "frame-ancestors" in response.headers["content-security-policy"]
    assert response.headers["x-frame-options"] == "SAMEORIGIN"
    assert response.status_code == 204 or response.headers["cache-control"] == "no-store"
    return response


def submit(control: access.AccessControl, client: str = NETWORK, **fields: str) -> Any:
    """Submit the form; `sec_fetch_site` and `origin` become headers."""
    headers = {key: fields.pop(key) for key in ("sec_fetch_site", "origin") if key in fields}
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    return request(control, "/sign-in", "POST", client, body=body, **headers)


def location(response: Any) -> str:
    assert response.status_code == 303
    return response.headers["location"]
