"""Who reaches the dashboard: the middleware driven as an ASGI app, and the sign-in's configuration."""

import itertools
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

import app as server
from ftcore.access import FREE_FAILURES, TOKEN_SECONDS, SignInPace
from pages.components.shell import access_control as access, sign_in
from pages.components.shell.access_control import COOKIE
from tests.helpers.access_requests import (
    KINDS,
    NETWORK,
    PATHS,
    SECRET,
    cookie,
    inner_app,
    location,
    password_sign_in,
    request,
    submit,
)


@pytest.mark.parametrize("path", PATHS)
def test_without_a_sign_in_only_this_machine_is_let_in(path):
    for kind in KINDS:
        for client in ("127.0.0.1", "::1"):
            assert (
                request(access.LocalOnly(inner_app), path, client=client, kind=kind).status_code
                == 204
            )
        assert request(access.LocalOnly(inner_app), path, kind=kind).status_code == 403
    for header in access.PROXY_HEADERS:
        headers = {header.replace("-", "_"): "127.0.0.1"}
        assert (
            request(access.LocalOnly(inner_app), path, client="127.0.0.1", **headers).status_code
            == 403
        )


@pytest.mark.parametrize("host", ["evil.example", "evil.example:1", "127.0.0.1.evil.example", ""])
@pytest.mark.parametrize("control", [access.LocalOnly(inner_app), password_sign_in()])
def test_unknown_host_name_is_refused(control, host):
    for kind in KINDS:
        refused = request(control, client="127.0.0.1", kind=kind, host=host, cookie=cookie())
        assert refused.status_code == 403


@pytest.mark.parametrize(("kind", "client"), [*itertools.product(KINDS, ["127.0.0.1", NETWORK])])
@pytest.mark.parametrize("path", PATHS)
def test_with_a_password_every_client_signs_in(path, kind, client):
    control = password_sign_in()
    assert request(control, path, client=client, kind=kind, cookie=cookie()).status_code == 204
    expired = cookie(TOKEN_SECONDS + 1)
    for bad in ("", expired, f"{COOKIE}=", f"{COOKIE}=9999999999.{'0' * 32}.{'0' * 64}", "x=\xff"):
        status = request(control, path, client=client, kind=kind, cookie=bad).status_code
        if path == "/health" and client == "127.0.0.1":
            assert status == 204, "monitoring on this machine needs no password"
        else:
            assert status == (401 if kind == "http" else 403)


def test_page_leads_to_the_sign_in_and_back():
    control = password_sign_in()
    redirect = request(control, "/train?run=abc&by=epoch", accept="text/html,*/*")
    target = "%2Ftrain%3Frun%3Dabc%26by%3Depoch"
    assert location(redirect) == f"/sign-in?next={target}"
    form = request(control, location(redirect))
    assert form.status_code == 200 and 'value="/train?run=abc&amp;by=epoch"' in form.text
    signed_in = submit(control, password=SECRET.replace(" ", "+"), next=target)
    assert location(signed_in) == "/train?run=abc&by=epoch"
    attributes = signed_in.headers["set-cookie"]
    assert all(part in attributes for part in ("; HttpOnly", "SameSite=strict", "Path=/"))
    assert SECRET not in attributes
    token = attributes.partition(";")[0]
    assert request(control, cookie=token).status_code == 204
    assert location(request(control, "/sign-in?next=%2Fdata", cookie=token)) == "/data"
    signed_out = request(control, "/sign-out", cookie=token)
    assert location(signed_out) == "/sign-in"
    attributes = signed_out.headers["set-cookie"]
    assert all(part in attributes for part in (f'{COOKIE}="";', "Max-Age=0", "Path=/"))


FOREIGN = ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
FOREIGN += ["\\\\x", "/%0d%0aSet-Cookie:x", "evil.example", "/sign-in", "/sign-in?next=/sign-in"]
FOREIGN += ["", "//[", "/\t/evil.example"]


@pytest.mark.parametrize("target", FOREIGN)
def test_sign_in_leads_to_this_server_only(target):
    for value in (quote(target, safe=""), target):
        response = submit(password_sign_in(), password="open+sesame", next=value)
        assert re.match(r"/([^/\\]|$)", location(response))
        assert not location(response).startswith("/sign-in")
        assert list(response.headers).count("set-cookie") == 1


class Pace(SignInPace):
    """A pace that writes down whose password is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[str] = []

    def may_check(self, host: str) -> bool:
        if passes := super().may_check(host):
            self.hosts.append(host)
        return passes


def test_wrong_passwords_are_reported_and_the_right_one_is_let_in_a_little_later():
    control = password_sign_in()
    for _ in range(FREE_FAILURES + 1):
        wrong = submit(control, password="open", next="/train")
        assert wrong.status_code == 403 and access.WRONG_PASSWORD in wrong.text
        assert "set-cookie" not in wrong.headers and 'value="/train"' in wrong.text
    began = time.monotonic()
    assert submit(control, password="open+sesame").status_code == 303, "nobody is locked out"
    assert 0.05 < time.monotonic() - began < 2
    assert submit(control, client="192.0.2.8", password="open+sesame").status_code == 303


def test_many_at_once_are_checked_one_after_another(monkeypatch):
    monkeypatch.setattr(access, "MAX_WAIT", 0.5)
    monkeypatch.setattr(access, "MAX_WAITING_OF_ONE", 20)
    control = password_sign_in()
    with ThreadPoolExecutor(40) as pool:
        answers = [pool.submit(submit, control, password="open") for _ in range(40)]
        statuses = Counter(answer.result().status_code for answer in answers)
    assert statuses[403] < 10 and statuses[403] + statuses[429] == 40
    assert not control.waiting
    answer = submit(control, password="open+sesame")
    assert answer.status_code in (303, 429)
    assert answer.status_code == 303 or int(answer.headers["retry-after"]) >= 0


def test_a_header_changes_the_address_behind_a_named_proxy_only():
    for proxies, hosts in (("", [NETWORK] * 2), (NETWORK, ["203.0.113.1", "203.0.113.2"])):
        control = password_sign_in(proxies)
        control.pace = Pace()
        for last in "12":
            for header in ("x_forwarded_for", "x_real_ip", "forwarded"):
                address = f"203.0.113.{last}"
                sent = {header: f"for={address}" if header == "forwarded" else address}
                if header == "x_forwarded_for":
                    request(control, "/sign-in", "POST", body=b"password=open", **sent)
                else:
                    request(password_sign_in(proxies), "/sign-in", "POST", body=b"x=y", **sent)
        assert control.pace.hosts == hosts


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
def test_form_of_another_site_is_refused(headers, status):
    assert submit(password_sign_in(), password="open+sesame", **headers).status_code == status


def test_malformed_form_is_refused_and_a_target_escaped():
    control = password_sign_in()
    for body in (b"x" * 5000, b"password=" + b"%" * 4000, b"\xff\xfe=\x00", b"", b"&&=&"):
        response = request(password_sign_in(), "/sign-in", "POST", body=body)
        assert response.status_code in (403, 413) and "set-cookie" not in response.headers
    evil = "%2F%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"
    for response in (request(control, f"/sign-in?next={evil}"), submit(control, next=evil)):
        assert "<img" not in response.text and "&lt;img" in response.text


def test_sign_in_below_a_base_path(monkeypatch):
    get_option = sign_in.st.get_option
    options = {"server.baseUrlPath": "/course/"}
    monkeypatch.setattr(
        sign_in.st, "get_option", lambda name: options.get(name) or get_option(name)
    )
    control = password_sign_in()
    assert request(control, "/course/health", client="127.0.0.1").status_code == 204
    assert request(control, "/course/train").status_code == 401
    redirect = request(control, "/course/train", accept="text/html")
    assert location(redirect) == "/course/sign-in?next=%2Fcourse%2Ftrain"
    assert 'action="/course/sign-in"' in request(control, "/course/sign-in").text


class Secrets(dict[str, object]):
    """Stands for st.secrets."""

    def load_if_toml_exists(self) -> bool:
        return bool(self)


def test_password_comes_from_the_environment_or_the_secrets(monkeypatch):
    monkeypatch.setattr(sign_in.st, "secrets", secrets := Secrets())
    assert sign_in.password() is None and not sign_in.by_streamlit()
    secrets["password"] = SECRET
    assert (password := sign_in.password()) and password.matches(SECRET)
    monkeypatch.setenv("UNFREEZE_PASSWORD", "of the environment")
    assert (password := sign_in.password()) and password.matches("of the environment")
    secrets["auth"] = {}
    assert sign_in.by_streamlit()


def test_streamlit_sign_in_protects_uploads_and_media(monkeypatch):
    key = "k" * 32
    monkeypatch.setattr(access.starlette_websocket, "get_cookie_secret", lambda: key)
    control = access.StreamlitSignIn(inner_app)

    def user(is_logged_in: str, secret: str = key) -> str:
        content = f'{{"is_logged_in": {is_logged_in}}}'
        signed = create_signed_value(secret, "_streamlit_user", content).decode()
        return f"_streamlit_user={signed}"

    for path in ("/_stcore/upload_file/a/b", "/media/a.csv", "/health"):
        for bad in ("", user("false"), user("true", "another" * 5)):
            assert request(control, path, cookie=bad).status_code == 401
        assert request(control, path, cookie=user("true")).status_code == 204
    for path in ("/", "/auth/login", "/oauth2callback", "/static/js/index.js"):
        assert request(control, path).status_code == 204, "needed by Streamlit's sign-in"
    assert request(control, "/health", client="127.0.0.1").status_code == 204


def test_rerun_leaves_the_import_path_unchanged():
    """Other threads import meanwhile; a changing sys.path makes them miss modules."""
    before = list(sys.path)
    with modified_sys_path(str(server.app.script_path)):
        assert sys.path == before
    assert sys.path == before
