"""Who gets in: the password and its tickets, and the layer around the server, driven as any client."""

import asyncio
import functools
import hashlib
import os
import re
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from starlette.types import Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

import app as server
from ftcore import access, paths, tracking
from ftcore.access import BURST, LASTS, PACE, Password, Tries
from ftcore.errors import UnfreezeError
from pages.components.shell import sign_in
from pages.components.shell.sign_in import COOKIE, SignIn

MAIN = Path(__file__).parent.parent / "pages" / "_main.py"
SECRET = "open sesame"
NETWORK = "192.0.2.7"  # an address of no machine
FORM = {"content-type": "application/x-www-form-urlencoded"}
PATHS = (
    "/",
    "/train",
    "/health",
    "/sign-in/x",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/upload_file/a/b",
    "/media/a.csv",
    "/static/js/index.js",
    "/assets/plotly.js",
    "/_stcore/script-health-check",
    "/component/x",
    "/auth/login",
    "/oauth2callback",
)


@pytest.fixture(scope="module")
def password() -> Password:
    return Password(SECRET)


def test_password_is_that_and_nothing_near(password: Password) -> None:
    assert password.admits(SECRET)
    near = ["", "open sesam", "open sesame ", "Open sesame", "\0", "ö" * 9, "\ud800", SECRET * 500]
    assert not any(password.admits(one) for one in near)
    assert Password("schlüsselbund").admits("schlu\u0308sselbund"), "as another keyboard writes it"


@pytest.mark.parametrize("short", ["", "1234567"])
def test_password_that_keeps_nobody_out_is_refused(short: str) -> None:
    with pytest.raises(UnfreezeError, match="fewer than 8 characters"):
        Password(short)


def test_ticket_ends_and_is_of_one_password(password: Password) -> None:
    ticket = password.ticket(1000.0)
    assert password.honours(ticket, 1000.0) and password.honours(ticket, 999.0 + LASTS)
    assert not password.honours(ticket, 1000.0 + LASTS)
    assert not Password("another one").honours(ticket, 1000.0)
    assert Password(SECRET).honours(ticket, 1000.0), "a restart of the server signs nobody out"


@given(where=st.integers(0, 74), what=st.characters(codec="latin-1"))
def test_ticket_that_was_changed_is_worth_nothing(where: int, what: str) -> None:
    password = _kept()
    ticket = password.ticket(1_700_000_000.0)
    changed = ticket[:where] + what + ticket[where + 1 :]
    assert password.honours(changed, 1_700_000_001.0) == (changed == ticket)


@given(made_up=st.text(st.characters(codec="latin-1")))
def test_no_made_up_ticket_is_honoured(made_up: str) -> None:
    unsigned = hashlib.sha256(made_up.encode()).hexdigest()
    for ticket in (made_up, f"{made_up}.{unsigned}", f"9999999999.{made_up}", "9" * 5000 + "."):
        assert not _kept().honours(ticket, 0.0)


@functools.cache
def _kept() -> Password:
    return Password(SECRET)


def test_wrong_passwords_of_one_address_are_answered_ever_more_slowly() -> None:
    now = SimpleNamespace(seconds=0.0)
    tries = Tries(lambda: now.seconds)
    looked_at = 0
    for second in range(3600):  # one that tries a thousand times a second gains nothing
        now.seconds = float(second)
        while not tries.wait(NETWORK):
            tries.failed(NETWORK)
            looked_at += 1
    assert looked_at == BURST + 3599 // PACE
    assert 0 < tries.wait(NETWORK) <= PACE
    assert not tries.wait("192.0.2.8"), "nobody pays for another"
    for _ in range(BURST):
        tries.failed("2001:db8::1")
    assert tries.wait("2001:db8::ffff"), "one machine has a whole /64"
    assert not tries.wait("2001:db8:0:1::1")


def test_memory_of_wrong_tries_is_bounded() -> None:
    tries = Tries()
    for number in range(20_000):
        tries.failed(str(number))
    assert len(tries._full_again) == access._REMEMBERED


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"]
)
def test_loopback(host: str) -> None:
    assert access.is_loopback(host)
    access.check(host, signs_in=False)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "192.168.1.5",
        "::ffff:10.0.0.1",
        "localhost.evil.example",
        "127.0.0.1.x",
    ],
)
def test_a_network_needs_a_sign_in(host: str) -> None:
    with pytest.raises(UnfreezeError, match=r"does not start on .*UNFREEZE_PASSWORD"):
        access.check(host, signs_in=False)
    access.check(host, signs_in=True)


class Answer(SimpleNamespace):
    """What came back: status (0 where the app itself was reached), headers, body."""

    status: int
    headers: dict[str, str]
    body: str


def ask(
    door: SignIn,
    path: str = "/",
    method: str = "GET",
    client: str = NETWORK,
    kind: str = "http",
    body: bytes = b"",
    **headers: str,
) -> Answer:
    """One request through the door, as the server would hand it on."""
    reached: list[str] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    door.app = app
    path, _, query = path.partition("?")
    given = {"host": "127.0.0.1:8501"} | {k.replace("_", "-"): v for k, v in headers.items()}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items()],
        "client": (client, 50000),
        "scheme": "http",
        "root_path": "",
        "server": ("127.0.0.1", 8501),
    }
    with ThreadPoolExecutor(1) as apart:  # the browser's tests leave a loop in this thread
        apart.submit(asyncio.run, server.SecurityHeaders(door)(scope, receive, send)).result()
    if reached:
        return Answer(status=0, headers={}, body="")
    if kind == "websocket":
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
        return Answer(status=403, headers={}, body="")
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    assert "frame-ancestors" in found["content-security-policy"]
    assert found["x-frame-options"] == "SAMEORIGIN" and found["cache-control"] == "no-store"
    text = b"".join(message.get("body", b"") for message in sent).decode()
    return Answer(status=sent[0]["status"], headers=found, body=text)


def closed() -> SignIn:
    return SignIn(None, None, False)  # type: ignore[arg-type]


def guarded(password: Password) -> SignIn:
    return SignIn(None, password, False)  # type: ignore[arg-type]


def signed(password: Password) -> str:
    return f"{COOKIE}={password.ticket(time.time())}"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", PATHS)
def test_without_a_sign_in_this_machine_alone_is_answered(kind: str, path: str) -> None:
    assert ask(closed(), path, client="127.0.0.1", kind=kind).status == 0
    assert ask(closed(), path, client="::1", kind=kind).status == 0
    refused = ask(closed(), path, kind=kind)
    assert refused.status == 403
    assert kind == "websocket" or refused.body == sign_in.ALONE


@pytest.mark.parametrize("name", sign_in.FORWARDED)
def test_whoever_comes_through_a_proxy_is_not_this_machine(name: str) -> None:
    header = {name.replace("-", "_"): "127.0.0.1"}
    assert ask(closed(), "/health", client="127.0.0.1", **header).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", ""]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_sites_name_does_not_lead_here(kind: str, host: str, password: Password) -> None:
    for door in (closed(), guarded(password)):
        refused = ask(door, "/", client="127.0.0.1", kind=kind, host=host, cookie=signed(password))
        assert refused.status == 403
        assert kind == "websocket" or refused.body == sign_in.UNKNOWN_NAME


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("client", ["127.0.0.1", NETWORK])
def test_with_a_password_everyone_signs_in(
    path: str, kind: str, client: str, password: Password
) -> None:
    door = guarded(password)
    inside = ask(door, path, client=client, kind=kind, cookie=signed(password))
    assert inside.status == 0
    old = f"{COOKIE}={password.ticket(time.time() - LASTS - 1)}"
    for cookie in ("", old, f"{COOKIE}=", f"{COOKIE}=9999999999.{'0' * 64}", "x=\xff"):
        refused = ask(door, path, client=client, kind=kind, cookie=cookie)
        if path == "/health" and client == "127.0.0.1":
            assert refused.status == 0, "those who run it ask without a password"
        else:
            assert refused.status == (401 if kind == "http" else 403)


def test_whoever_opens_a_page_is_led_to_the_sign_in_and_back(password: Password) -> None:
    door = guarded(password)
    led = ask(door, "/train?run=abc&by=epoch", accept="text/html,*/*")
    assert (led.status, led.headers["location"]) == (
        303,
        "/sign-in?next=%2Ftrain%3Frun%3Dabc%26by%3Depoch",
    )
    form = ask(door, led.headers["location"])
    assert form.status == 200 and 'value="/train?run=abc&amp;by=epoch"' in form.body
    through = post(
        door, password=SECRET.replace(" ", "+"), next="%2Ftrain%3Frun%3Dabc%26by%3Depoch"
    )
    assert (through.status, through.headers["location"]) == (303, "/train?run=abc&by=epoch")
    cookie = through.headers["set-cookie"]
    assert "; HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert SECRET not in cookie
    ticket = cookie.partition(";")[0]
    assert ask(door, "/", cookie=ticket).status == 0
    again = ask(door, "/sign-in?next=%2Fdata", cookie=ticket)
    assert (again.status, again.headers["location"]) == (303, "/data")


def test_signing_out_takes_the_cookie_back(password: Password) -> None:
    for cookie in ("", f"{COOKIE}={password.ticket(time.time())}"):
        out = ask(guarded(password), "/sign-out", cookie=cookie)
        assert (out.status, out.headers["location"]) == (303, "/sign-in")
        assert f'{COOKIE}="";' in out.headers["set-cookie"]
        assert "Max-Age=0" in out.headers["set-cookie"] and "Path=/" in out.headers["set-cookie"]


def post(door: SignIn, client: str = NETWORK, **fields: str) -> Answer:
    headers = {k.replace("-", "_"): v for k, v in FORM.items()}
    site = {k: fields.pop(k) for k in ("sec_fetch_site", "origin") if k in fields}
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    return ask(door, "/sign-in", "POST", client, body=body, **headers, **site)


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "\\\\x",
        "/%0d%0aSet-Cookie:x",
        "evil.example",
        "/sign-in",
        "/sign-in?next=/sign-in",
        "",
        "//[",
        "/\t/evil.example",
    ],
)
def test_sign_in_leads_nowhere_else(to: str, password: Password) -> None:
    for value in (quote(to, safe=""), to):
        through = post(guarded(password), password="open+sesame", next=value)
        assert through.status == 303
        assert re.match(r"/([^/\\]|$)", through.headers["location"])
        assert not through.headers["location"].startswith("/sign-in")
        assert list(through.headers).count("set-cookie") == 1


def test_wrong_password_is_said_and_then_takes_time(password: Password) -> None:
    door = guarded(password)
    for _ in range(BURST):
        wrong = post(door, password="open", next="/train")
        assert wrong.status == 403 and sign_in.WRONG in wrong.body
        assert "set-cookie" not in wrong.headers and 'value="/train"' in wrong.body
    slow = post(door, password="open+sesame")
    assert slow.status == 429 and 0 < int(slow.headers["retry-after"]) <= PACE
    assert "Too many wrong passwords; try again in" in slow.body
    assert "set-cookie" not in slow.headers, "nor is the right one looked at, or all could be tried"
    assert post(door, client="192.0.2.8", password="open+sesame").status == 303


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
def test_form_of_another_site_is_not_taken(
    headers: dict[str, str], status: int, password: Password
) -> None:
    assert post(guarded(password), password="open+sesame", **headers).status == status


@pytest.mark.parametrize(
    "body", [b"x" * 5000, b"password=" + b"%" * 4000, b"\xff\xfe=\x00", b"", b"&&=&"]
)
def test_forms_that_are_none(body: bytes, password: Password) -> None:
    answer = ask(guarded(password), "/sign-in", "POST", body=body, **{"content_type": "x/y"})
    assert answer.status in (403, 413) and "set-cookie" not in answer.headers


def test_what_is_typed_into_the_form_is_never_html(password: Password) -> None:
    evil = "%2F%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"
    for answer in (
        ask(guarded(password), f"/sign-in?next={evil}"),
        post(guarded(password), next=evil),
    ):
        assert "<img" not in answer.body and "&lt;img" in answer.body


def test_below_another_path(monkeypatch: pytest.MonkeyPatch, password: Password) -> None:
    asked = sign_in.st.get_option
    below = {"server.baseUrlPath": "/course/"}
    monkeypatch.setattr(sign_in.st, "get_option", lambda name: below.get(name) or asked(name))
    door = guarded(password)
    assert ask(door, "/course/health", client="127.0.0.1").status == 0
    assert ask(door, "/course/train").status == 401
    assert ask(door, "/course/train", accept="text/html").headers["location"] == (
        "/course/sign-in?next=%2Fcourse%2Ftrain"
    )
    assert 'action="/course/sign-in"' in ask(door, "/course/sign-in").body


def test_password_of_the_environment_or_of_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNFREEZE_PASSWORD", raising=False)
    secrets: dict[str, object] = {}
    monkeypatch.setattr(sign_in.st, "secrets", Secrets(secrets))
    assert sign_in.configured() is None and not sign_in.by_streamlit()
    secrets["password"] = SECRET
    kept = sign_in.configured()
    assert kept is not None and kept.admits(SECRET)
    monkeypatch.setenv("UNFREEZE_PASSWORD", "of the environment")
    first = sign_in.configured()
    assert first is not None and first.admits("of the environment") and not first.admits(SECRET)
    secrets["auth"] = {}
    assert sign_in.by_streamlit()


class Secrets(dict[str, object]):
    """As st.secrets, from a dictionary."""

    def __init__(self, found: dict[str, object]) -> None:
        self.found = found

    def load_if_toml_exists(self) -> bool:
        return bool(self.found)

    def get(self, name: str, default: object = None) -> object:
        return self.found.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self.found


def test_streamlits_own_sign_in_keeps_strangers_from_uploads_and_files(
    monkeypatch: pytest.MonkeyPatch, password: Password
) -> None:
    key = "k" * 32
    websocket = sign_in.starlette_websocket
    monkeypatch.setattr(websocket, "get_cookie_secret", lambda: key)
    door = SignIn(None, password, True)  # type: ignore[arg-type]

    def cookie(logged_in: bool, secret: str = key) -> str:
        said = f'{{"is_logged_in": {str(logged_in).lower()}}}'
        return f"_streamlit_user={create_signed_value(secret, '_streamlit_user', said).decode()}"

    for path in ("/_stcore/upload_file/a/b", "/media/a.csv", "/health"):
        assert ask(door, path).status == 401
        assert ask(door, path, cookie=cookie(False)).status == 401
        assert ask(door, path, cookie=cookie(True, "another" * 5)).status == 401
        assert ask(door, path, cookie=cookie(True)).status == 0
    for path in ("/", "/auth/login", "/oauth2callback", "/static/js/index.js"):
        assert ask(door, path).status == 0, "what its own sign-in needs"
    assert ask(door, "/health", client="127.0.0.1").status == 0


def test_pages_show_nothing_before_streamlits_own_sign_in() -> None:
    page = AppTest.from_file(str(MAIN), default_timeout=60)
    page.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "k"}
    for name in ("", "train.py", "runs.py", "data.py"):
        page = (page.switch_page(name) if name else page).run()
        assert not page.exception and not page.title
        assert [one.label for one in page.button] == ["Sign in"]


def rights(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="rights of this kind")
@pytest.mark.parametrize("before", [None, 0o755, 0o777])
def test_record_of_runs_is_its_owners_alone(home: Path, before: int | None) -> None:
    if before is not None:
        home.mkdir()
        home.chmod(before)
        for name in ("mlflow.db", "mlflow.db-wal"):  # as an earlier version left them
            (home / name).touch(mode=0o644)
    tracking.runs()
    assert rights(home) == "drwx------"
    assert {rights(file) for file in home.glob("mlflow.db*")} == {"-rw-------"}


def test_home_that_all_share_is_left_alone_and_said(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.mkdir()
    home.chmod(0o1777)
    paths.restrict_permissions()
    assert rights(home) == "drwxrwxrwt"
    assert "let UNFREEZE_HOME name a folder of your own" in caplog.text


def test_a_rerun_leaves_alone_where_imports_look() -> None:
    """Many visitors import in many threads, and a folder taken away meanwhile hides another."""
    before = list(sys.path)
    with modified_sys_path(str(server.app.script_path)):
        assert sys.path == before
    assert sys.path == before
