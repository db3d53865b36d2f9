"""What app.py adds to Streamlit: sign-in, headers, health, cached files, runs that survive a stop."""

import http.client
import json
import os
import socket
import subprocess
from time import sleep
from types import SimpleNamespace

import pytest
import torch
from playwright.sync_api import expect

from benchmarks.harness.server_process import command
from ftcore import paths
from pages.components.shell import access_control, assets
from tests.browser.conftest import serve
from tests.helpers.lesson_files import Bomb
from tests.helpers.waiting import PATIENCE

SECRET = "open sesame"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "streamlit",
}
CLOSED = ["GET /", "HEAD /", "GET /train?run=x", "GET /index.html", "GET /nowhere", "GET //"]
CLOSED += [
    f"GET /assets/{assets.LIVE_CHART}",
    "GET /favicon.png",
    "GET /media/x.csv",
    "POST /train",
]
CLOSED += ["GET /_stcore/health", "GET /_stcore/host-config", "OPTIONS /_stcore/stream"]
CLOSED += ["PUT /_stcore/upload_file/a/b", "DELETE /_stcore/upload_file/a/b", "GET /%73ign-in/../"]


def ask(
    address: str,
    path: str = "/",
    method: str = "GET",
    body: str | bytes | None = None,
    **headers: str,
) -> SimpleNamespace:
    """Send one request without following redirects; returns status, headers, text."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = "" if answer.status == 101 else answer.read().decode("utf-8", "replace")
        return SimpleNamespace(status=answer.status, headers=answer.headers, text=text)
    finally:
        connection.close()


def sign_in_cookie(address: str) -> str:
    """The cookie of a signed-in user."""
    answer = ask(address, "/sign-in", "POST", f"password={SECRET.replace(' ', '+')}", **FORM)
    assert answer.status == 303
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def protected(tmp_path_factory):
    """The address of a dashboard with a password."""
    with serve(tmp_path_factory.mktemp("protected"), UNFREEZE_PASSWORD=SECRET) as address:
        yield address


@pytest.mark.parametrize("request_line", CLOSED)
def test_without_signing_in_every_path_is_refused(protected, request_line):
    method, path = request_line.split()
    answer = ask(protected, path, method, body="x" if method in ("PUT", "POST") else None)
    assert answer.status == 401
    assert answer.text in (access_control.UNSIGNED, "")
    page = ask(protected, path, method, Accept="text/html")
    assert page.status == 303 and page.headers["Location"].startswith("/sign-in?next=")
    assert page.text == ""


def test_web_socket_opens_only_with_the_cookie(protected):
    cookie = sign_in_cookie(protected)
    for headers, status in (
        ({}, 403),
        ({"Cookie": cookie[:-1] + "x"}, 403),
        ({"Cookie": cookie}, 101),
        ({"Cookie": cookie, "Origin": "http://evil.example"}, 403),
        ({"Cookie": cookie, "Host": "evil.example"}, 403),
    ):
        answer = ask(protected, "/_stcore/stream", **HANDSHAKE, **headers)
        assert answer.status == status, headers


def test_sign_in_and_out_in_a_browser(chromium, protected):
    for scheme, background in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(18, 21, 27)")):
        page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
        page.goto(f"{protected}/data")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type("sesame")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.get_by_label("Password").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Data", level=1)).to_be_visible()
        assert page.url == f"{protected}/data"
        assert page.evaluate("document.cookie").find(access_control.COOKIE) == -1, (
            "no script reads it"
        )
        # A link on another site: the browser does not send a strict cookie with it.
        page.goto(protected.replace("127.0.0.1", "localhost") + "/sign-in")
        page.evaluate(
            "to => document.body.append(Object.assign(document.createElement('a'),"
            " {href: to, textContent: 'the run'}))",
            f"{protected}/runs",
        )
        page.get_by_role("link", name="the run").click()
        expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
        page.set_viewport_size({"width": 1440, "height": 844})  # else Sign out is in a menu
        page.get_by_role("link", name="Sign out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.goto(f"{protected}/runs")
        expect(page.get_by_label("Password")).to_be_visible()
        page.context.close()


def own_address() -> str:
    """This machine's address on its network; the loopback if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


def test_open_to_a_network_as_documented(tmp_path):
    own = own_address()
    options = ("--server.address", "0.0.0.0", "--server.allowedHosts", own)
    options += ("--browser.serverAddress", own)
    with serve(tmp_path, *options, UNFREEZE_PASSWORD=SECRET) as address:
        open_to_all = address.replace("127.0.0.1", own)
        assert ask(open_to_all, "/_stcore/health").status == 401
        cookie = sign_in_cookie(open_to_all)
        assert ask(open_to_all, "/", Cookie=cookie).status == 200
        assert ask(open_to_all, "/_stcore/stream", **HANDSHAKE, Cookie=cookie).status == 101
        if own != "127.0.0.1":
            assert ask(open_to_all, "/health").status == 401
            assert ask(address).status == 403, "this name is no longer allowed"
        assert ask(open_to_all, "/health", Cookie=cookie).status == 200


@pytest.mark.parametrize(
    ("address", "password", "message"),
    [
        ("0.0.0.0", "", "does not start on 0.0.0.0 without a sign-in: set UNFREEZE_PASSWORD"),
        ("127.0.0.1", "short", "fewer than 8 characters"),
    ],
)
def test_an_unprotected_server_does_not_start(tmp_path, address, password, message):
    options = ("--server.address", address, "--browser.serverAddress", "localhost")
    ended = subprocess.run(
        command(0, *options),
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"UNFREEZE_HOME": str(tmp_path), "UNFREEZE_PASSWORD": password},
    )
    assert ended.returncode == 1
    assert message in ended.stderr and "Traceback" not in ended.stderr + ended.stdout


def test_streamlit_sign_in_protects_every_page(chromium, tmp_path):
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(
        '[auth]\nredirect_uri = "http://127.0.0.1/oauth2callback"\ncookie_secret = "k"\n'
        'client_id = "a"\nclient_secret = "b"\nserver_metadata_url = "http://127.0.0.1:9/x"\n'
    )
    with serve(tmp_path, "--secrets.files", str(secrets)) as address:
        page = chromium.new_page()
        for path in ("/runs", "/", "/train"):  # the first on a server that has served no page yet
            page.goto(address + path)
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            expect(page.get_by_role("heading", level=1)).to_have_count(0)
            expect(page.get_by_role("navigation")).to_have_count(0)
        page.context.close()
        assert ask(address, "/_stcore/upload_file/a/b", "PUT", "x").status == 401


def test_an_upload_is_limited_and_cannot_run_code(page, tmp_path):
    marker, bomb, words = (tmp_path / name for name in ("it-ran", "model.pth", "glove.txt"))
    torch.save({"classifier.bias": Bomb(marker)}, bomb)
    words.write_text("word 1 2 3\n")
    home = tmp_path / "home"
    home.mkdir()
    with serve(home, "--server.maxUploadSize", "1") as address:
        page.goto(f"{address}/checkpoints")
        page.get_by_role("tab", name="Import").click()
        with page.expect_request(lambda request: request.method == "PUT") as sent:
            page.locator(".st-key-import_file input[type=file]").set_input_files(bomb)
        headers = sent.value.all_headers()
        expect(page.get_by_text("model.pth")).to_be_visible()
        page.locator(".st-key-import_glove_file input[type=file]").set_input_files(words)
        expect(page.get_by_text("glove.txt")).to_be_visible()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("was refused, and nothing in it was run")).to_be_visible()

        url = sent.value.url.removeprefix(address)
        headers = {name: headers[name] for name in ("cookie", "x-xsrftoken")}
        headers["content-type"] = "multipart/form-data; boundary=edge"
        before = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        for size, status in ((1_000, 204), (3_000_000, 413)):
            body = before + bytes(size) + b"\r\n--edge--\r\n"
            assert ask(address, url, "PUT", body, **headers).status == status
        assert ask(address, url, "PUT", b"", **(headers | {"x-xsrftoken": "x"})).status == 403
        page.goto("about:blank")
    assert not marker.exists()
    torch.load(bomb, weights_only=False)
    assert marker.exists(), "the file was harmless"


def health(address: str) -> tuple[int, dict[str, object]]:
    """Status and content of /health once the server's imports are done."""
    while True:
        answer = ask(address, "/health")
        content = json.loads(answer.text)
        if content["status"] != "starting":
            return answer.status, content
        sleep(0.1)


def test_health_of_a_sound_server(server):
    status, content = health(server)
    assert (status, content["status"]) == (200, "ok")
    assert content.keys() == {"status", "version", "uptime", "device", "queue", "last_error"}
    assert content["queue"] == {"running": None, "waiting": 0} and content["last_error"] is None


def test_health_of_a_server_without_its_record_of_runs(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with serve(tmp_path) as address:
        status, content = health(address)
    assert (status, content["status"]) == (503, "failing")
    assert "record of runs" in str(content["problem"])


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/", 200, {}),
        ("/train", 200, {}),
        ("/_stcore/health", 200, {}),
        (f"/assets/{assets.LIVE_CHART}", 200, {}),
        ("/assets/none.js", 404, {}),
        ("/component/x/y", 404, {}),
        ("/media/none", 404, {}),
        ("/train", 403, {"Host": "evil.example"}),
        ("/", 403, {"X-Forwarded-For": "192.0.2.7"}),
        ("//evil.example", 400, {}),
    ],
)
def test_every_response_has_the_security_headers(server, path, status, headers):
    answer = ask(server, path, **headers)
    assert answer.status == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    policy = answer.headers["Content-Security-Policy"]
    for directive in ("default-src", "frame-ancestors", "form-action"):
        assert f"{directive} 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


def test_assets_are_cached_by_the_browser_and_no_other_file_is_served(server):
    for name in (assets.PLOTLY, assets.LIVE_CHART):
        headers = ask(server, f"/assets/{name}").headers
        assert "immutable" in headers["Cache-Control"] and "javascript" in headers["Content-Type"]
    for name in ("plotly.js", "..%2Fapp.py", "%2e%2e%2fapp.py"):
        assert ask(server, f"/assets/{name}").status in (400, 404)
