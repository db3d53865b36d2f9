"""Who reaches the dashboard: the middleware driven as an ASGI app, and the sign-in's configuration."""

import asyncio
import itertools
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

import app as server
from ftcore.access import FREE_ATTEMPTS, SECONDS_PER_ATTEMPT, TOKEN_SECONDS, Password
from pages.components.shell import access_control as access, sign_in
from pages.components.shell.access_control import COOKIE

MAIN = Path(server.__file__).parent / "pages" / "_main.py"
SECRET = "open sesame"
NETWORK = "192.0.2.7"  # an address of no machine
PATHS = ["/", "/train", "/health", "/sign-in/x", "/media/a.csv", "/static/js/index.js"]
PATHS += ["/assets/plotly.js", "/component/x", "/auth/login", "/oauth2callback", "/_stcore/health"]
PATHS += ["/_stcore/host-config", "/_stcore/upload_file/a/b", "/_stcore/script-health-check"]
KINDS = ("http", "websocket")
PASSWORD = Password(SECRET)


async def inner_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the dashboard; `request` reports status 0 when it is reached."""
    await send({"type": "reached"})


def local_only() -> access.LocalOnly:
    return access.LocalOnly(inner_app)


def password_sign_in() -> access.PasswordSignIn:
    return access.PasswordSignIn(inner_app, PASSWORD)


def cookie(age: float = 0.0) -> str:
    return f"{COOKIE}={PASSWORD.issue_token(time.time() - age)}"


class Response(NamedTuple):
    """A response of the middleware; status 0 if it let the request through."""

    status: int
    headers: dict[str, str] = {}  # noqa: RUF012  not changed
    body: str = ""

    @property
    def leads_to(self) -> str:
        assert self.status == 303
        return self.headers["location"]


def request(
    control: access.AccessControl,
    path: str = "/",
    method: str = "GET",
    client: str = NETWORK,
    kind: str = "http",
    body: bytes = b"",
    **headers: str,
) -> Response:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    headers = {"host": "127.0.0.1:8501"} | {k.replace("_", "-"): v for k, v in headers.items()}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        "client": (client, 50000),
    }
    with ThreadPoolExecutor(1) as thread:  # the browser tests leave an event loop in this one
        app = server.SecurityHeaders(control)
        thread.submit(asyncio.run, app(scope, receive, send)).result()
    if sent[0]["type"] == "reached":
        return Response(0)
    if kind == "websocket":
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
        return Response(403)
    received = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    assert "frame-ancestors" in received["content-security-policy"]
    assert received["x-frame-options"] == "SAMEORIGIN" and received["cache-control"] == "no-store"
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return Response(sent[0]["status"], received, text)


def submit(control: access.AccessControl, client: str = NETWORK, **fields: str) -> Response:
    """Submit the form; `sec_fetch_site` and `origin` become headers."""
    headers = {key: fields.pop(key) for key in ("sec_fetch_site", "origin") if key in fields}
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    return request(control, "/sign-in", "POST", client, body=body, **headers)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_sign_in_only_this_machine_is_let_in(path: str) -> None:
    for kind in KINDS:
        for client in ("127.0.0.1", "::1"):
            assert request(local_only(), path, client=client, kind=kind).status == 0
        assert request(local_only(), path, kind=kind).status == 403
    for header in access.PROXY_HEADERS:
        headers = {header.replace("-", "_"): "127.0.0.1"}
        assert request(local_only(), path, client="127.0.0.1", **headers).status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:1", "127.0.0.1.evil.example", ""])
@pytest.mark.parametrize("control", [local_only(), password_sign_in()])
def test_unknown_host_name_is_refused(control: access.AccessControl, host: str) -> None:
    for kind in KINDS:
        refused = request(control, client="127.0.0.1", kind=kind, host=host, cookie=cookie())
        assert refused.status == 403


@pytest.mark.parametrize(("kind", "client"), [*itertools.product(KINDS, ["127.0.0.1", NETWORK])])
@pytest.mark.parametrize("path", PATHS)
def test_with_a_password_every_client_signs_in(path: str, kind: str, client: str) -> None:
    control = password_sign_in()
    assert request(control, path, client=client, kind=kind, cookie=cookie()).status == 0
    expired = cookie(TOKEN_SECONDS + 1)
    for bad in ("", expired, f"{COOKIE}=", f"{COOKIE}=9999999999.{'0' * 64}", "x=\xff"):
        status = request(control, path, client=client, kind=kind, cookie=bad).status
        if path == "/health" and client == "127.0.0.1":
            assert status == 0, "monitoring on this machine needs no password"
        else:
            assert status == (401 if kind == "http" else 403)


def test_page_leads_to_the_sign_in_and_back() -> None:
    control = password_sign_in()
    redirect = request(control, "/train?run=abc&by=epoch", accept="text/html,*/*")
    target = "%2Ftrain%3Frun%3Dabc%26by%3Depoch"
    assert redirect.leads_to == f"/sign-in?next={target}"
    form = request(control, redirect.leads_to)
    assert form.status == 200 and 'value="/train?run=abc&amp;by=epoch"' in form.body
    signed_in = submit(control, password=SECRET.replace(" ", "+"), next=target)
    assert signed_in.leads_to == "/train?run=abc&by=epoch"
    attributes = signed_in.headers["set-cookie"]
    assert all(part in attributes for part in ("; HttpOnly", "SameSite=strict", "Path=/"))
    assert SECRET not in attributes
    token = attributes.partition(";")[0]
    assert request(control, cookie=token).status == 0
    assert request(control, "/sign-in?next=%2Fdata", cookie=token).leads_to == "/data"
    signed_out = request(control, "/sign-out", cookie=token)
    assert signed_out.leads_to == "/sign-in"
    attributes = signed_out.headers["set-cookie"]
    assert all(part in attributes for part in (f'{COOKIE}="";', "Max-Age=0", "Path=/"))


FOREIGN = ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
FOREIGN += ["\\\\x", "/%0d%0aSet-Cookie:x", "evil.example", "/sign-in", "/sign-in?next=/sign-in"]
FOREIGN += ["", "//[", "/\t/evil.example"]


@pytest.mark.parametrize("target", FOREIGN)
def test_sign_in_leads_to_this_server_only(target: str) -> None:
    for value in (quote(target, safe=""), target):
        response = submit(password_sign_in(), password="open+sesame", next=value)
        assert re.match(r"/([^/\\]|$)", response.leads_to)
        assert not response.leads_to.startswith("/sign-in")
        assert list(response.headers).count("set-cookie") == 1


def test_wrong_passwords_are_reported_then_throttled() -> None:
    control = password_sign_in()
    for _ in range(FREE_ATTEMPTS):
        wrong = submit(control, password="open", next="/train")
        assert wrong.status == 403 and access.WRONG_PASSWORD in wrong.body
        assert "set-cookie" not in wrong.headers and 'value="/train"' in wrong.body
    throttled = submit(control, password="open+sesame")
    assert throttled.status == 429
    assert 0 < int(throttled.headers["retry-after"]) <= SECONDS_PER_ATTEMPT
    assert "Too many wrong passwords; try again in" in throttled.body
    assert "set-cookie" not in throttled.headers, "the right password must not be told apart"
    assert submit(control, client="192.0.2.8", password="open+sesame").status == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "same-origin"}, 303),
        ({"origin": "http://127.0.0.1:8501"}, 303),
    ],
)
def test_form_of_another_site_is_refused(headers: dict[str, str], status: int) -> None:
    assert submit(password_sign_in(), password="open+sesame", **headers).status == status


def test_malformed_form_is_refused() -> None:
    for body in (b"x" * 5000, b"password=" + b"%" * 4000, b"\xff\xfe=\x00", b"", b"&&=&"):
        response = request(password_sign_in(), "/sign-in", "POST", body=body)
        assert response.status in (403, 413) and "set-cookie" not in response.headers


def test_form_escapes_its_target() -> None:
    evil = "%2F%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"
    control = password_sign_in()
    for response in (request(control, f"/sign-in?next={evil}"), submit(control, next=evil)):
        assert "<img" not in response.body and "&lt;img" in response.body


def test_sign_in_below_a_base_path(monkeypatch: pytest.MonkeyPatch) -> None:
    get_option = sign_in.st.get_option
    options = {"server.baseUrlPath": "/course/"}
    monkeypatch.setattr(
        sign_in.st, "get_option", lambda name: options.get(name) or get_option(name)
    )
    control = password_sign_in()
    assert request(control, "/course/health", client="127.0.0.1").status == 0
    assert request(control, "/course/train").status == 401
    redirect = request(control, "/course/train", accept="text/html")
    assert redirect.leads_to == "/course/sign-in?next=%2Fcourse%2Ftrain"
    assert 'action="/course/sign-in"' in request(control, "/course/sign-in").body


class Secrets(dict[str, object]):
    """Stands for st.secrets."""

    def load_if_toml_exists(self) -> bool:
        return bool(self)


def test_password_comes_from_the_environment_or_the_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in.st, "secrets", secrets := Secrets())
    assert sign_in.password() is None and not sign_in.by_streamlit()
    secrets["password"] = SECRET
    assert (password := sign_in.password()) and password.matches(SECRET)
    monkeypatch.setenv("UNFREEZE_PASSWORD", "of the environment")
    assert (password := sign_in.password()) and password.matches("of the environment")
    secrets["auth"] = {}
    assert sign_in.by_streamlit()


def test_streamlit_sign_in_protects_uploads_and_media(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "k" * 32
    monkeypatch.setattr(access.starlette_websocket, "get_cookie_secret", lambda: key)
    control = access.StreamlitSignIn(inner_app)

    def user(is_logged_in: str, secret: str = key) -> str:
        content = f'{{"is_logged_in": {is_logged_in}}}'
        signed = create_signed_value(secret, "_streamlit_user", content).decode()
        return f"_streamlit_user={signed}"

    for path in ("/_stcore/upload_file/a/b", "/media/a.csv", "/health"):
        for bad in ("", user("false"), user("true", "another" * 5)):
            assert request(control, path, cookie=bad).status == 401
        assert request(control, path, cookie=user("true")).status == 0
    for path in ("/", "/auth/login", "/oauth2callback", "/static/js/index.js"):
        assert request(control, path).status == 0, "needed by Streamlit's sign-in"
    assert request(control, "/health", client="127.0.0.1").status == 0


def test_pages_are_empty_before_streamlit_sign_in() -> None:
    page = AppTest.from_file(str(MAIN), default_timeout=60)
    page.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "k"}
    for name in ("", "train.py", "runs.py", "data.py"):
        page = (page.switch_page(name) if name else page).run()
        assert not page.exception and not page.title
        assert [button.label for button in page.button] == ["Sign in"]


def test_rerun_leaves_the_import_path_unchanged() -> None:
    """Other threads import meanwhile; a changing sys.path makes them miss modules."""
    before = list(sys.path)
    with modified_sys_path(str(server.app.script_path)):
        assert sys.path == before
    assert sys.path == before
