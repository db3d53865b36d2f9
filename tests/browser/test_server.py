"""What app.py adds to Streamlit: a door, headers, health, kept files, care for runs at start and stop."""

import http.client
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from ftcore import tracking
from ftcore.models import checkpoints
from pages.components.shell import access_control, assets
from tests.browser.conftest import PATIENCE, ROOT, serve
from tests.exchange.test_lesson_import import Bomb
from tests.helpers import small_runs

SECRET = "open sesame"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "streamlit",
}


def ask(
    address: str,
    path: str = "/",
    method: str = "GET",
    body: str | bytes | None = None,
    **headers: str,
) -> SimpleNamespace:
    """One request, no redirect followed: status, headers, text."""
    place = address.removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=30)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        text = "" if answer.status == 101 else answer.read().decode("utf-8", "replace")
        return SimpleNamespace(status=answer.status, headers=answer.headers, text=text)
    finally:
        connection.close()


def ticket(address: str) -> str:
    """The cookie of somebody who has signed in."""
    through = ask(address, "/sign-in", "POST", f"password={SECRET.replace(' ', '+')}", **FORM)
    assert through.status == 303
    return through.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard with a password."""
    with serve(tmp_path_factory.mktemp("guarded"), UNFREEZE_PASSWORD=SECRET) as address:
        yield address


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/train?run=x"),
        ("GET", "/index.html"),
        ("GET", "/nowhere"),
        ("GET", "/favicon.png"),
        ("GET", f"/assets/{assets.LIVE_CHART}"),
        ("GET", "/media/x.csv"),
        ("GET", "/_stcore/health"),
        ("GET", "/_stcore/host-config"),
        ("OPTIONS", "/_stcore/stream"),
        ("PUT", "/_stcore/upload_file/a/b"),
        ("DELETE", "/_stcore/upload_file/a/b"),
        ("GET", "/%73ign-in/../"),
        ("GET", "//"),
        ("POST", "/train"),
    ],
)
def test_with_a_password_nothing_is_said_to_strangers(guarded: str, method: str, path: str) -> None:
    stranger = ask(guarded, path, method, body="x" if method in ("PUT", "POST") else None)
    assert stranger.status == 401
    assert stranger.text in (access_control.UNSIGNED, "")
    asked = ask(guarded, path, method, Accept="text/html")
    assert asked.status == 303 and asked.headers["Location"].startswith("/sign-in?next=")
    assert asked.text == ""


def test_web_socket_opens_with_the_cookie_alone(guarded: str) -> None:
    assert ask(guarded, "/_stcore/stream", **HANDSHAKE).status == 403
    bad = {"Cookie": ticket(guarded)[:-1] + "x"}
    assert ask(guarded, "/_stcore/stream", **HANDSHAKE, **bad).status == 403
    good = {"Cookie": ticket(guarded)}
    assert ask(guarded, "/_stcore/stream", **HANDSHAKE, **good).status == 101
    evil = {"Origin": "http://evil.example"}
    assert ask(guarded, "/_stcore/stream", **HANDSHAKE, **good, **evil).status == 403
    renamed = {"Host": "evil.example"}
    assert ask(guarded, "/_stcore/stream", **HANDSHAKE, **good, **renamed).status == 403


def test_sign_in_as_one_does_it(chromium: Browser, guarded: str) -> None:
    for scheme, background in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(18, 21, 27)")):
        page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
        page.goto(f"{guarded}/data")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type("sesame")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.get_by_label("Password").fill(SECRET)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Data", level=1)).to_be_visible()
        assert page.url == f"{guarded}/data"
        assert page.evaluate("document.cookie").find(access_control.COOKIE) == -1, (
            "no script reads it"
        )
        # A link on another site's page, of which the browser sends no strict cookie along.
        page.goto(guarded.replace("127.0.0.1", "localhost") + "/sign-in")
        page.evaluate(
            "to => document.body.append(Object.assign(document.createElement('a'),"
            " {href: to, textContent: 'the run'}))",
            f"{guarded}/runs",
        )
        page.get_by_role("link", name="the run").click()
        expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
        page.set_viewport_size({"width": 1440, "height": 844})  # else the way out is in a menu
        page.get_by_role("link", name="Sign out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.goto(f"{guarded}/runs")
        expect(page.get_by_label("Password")).to_be_visible()
        page.context.close()


def own_address() -> str:
    """This machine's on its network; the loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


def test_opened_to_a_network_as_the_settings_page_says(tmp_path: Path) -> None:
    own = own_address()
    options = ("--server.address", "0.0.0.0", "--server.allowedHosts", own)
    options += ("--browser.serverAddress", own)
    with serve(tmp_path, *options, UNFREEZE_PASSWORD=SECRET) as address:
        open_to_all = address.replace("127.0.0.1", own)
        assert ask(open_to_all, "/_stcore/health").status == 401
        cookie = ticket(open_to_all)
        assert ask(open_to_all, "/", Cookie=cookie).status == 200
        assert ask(open_to_all, "/_stcore/stream", **HANDSHAKE, Cookie=cookie).status == 101
        if own != "127.0.0.1":
            assert ask(open_to_all, "/health").status == 401
            assert ask(address).status == 403, "its name is not among those allowed any more"
        assert ask(open_to_all, "/health", Cookie=cookie).status == 200


@pytest.mark.parametrize(
    ("address", "password", "said"),
    [
        ("0.0.0.0", "", "does not start on 0.0.0.0 without a sign-in: set UNFREEZE_PASSWORD"),
        ("::", "", "does not start on :: without a sign-in"),
        ("127.0.0.1", "short", "fewer than 8 characters"),
    ],
)
def test_does_not_start_where_anybody_could_come_in(
    tmp_path: Path, address: str, password: str, said: str
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.headless",
            "true",
            "--server.port",
            "0",
            "--server.address",
            address,
            "--browser.serverAddress",
            "localhost",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"UNFREEZE_HOME": str(tmp_path), "UNFREEZE_PASSWORD": password},
    )
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr + done.stdout


def test_streamlits_own_sign_in_stands_before_every_page(chromium: Browser, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(
        '[auth]\nredirect_uri = "http://127.0.0.1/oauth2callback"\ncookie_secret = "k"\n'
        'client_id = "a"\nclient_secret = "b"\nserver_metadata_url = "http://127.0.0.1:9/x"\n'
    )
    with serve(tmp_path, "--secrets.files", str(secrets)) as address:
        page = chromium.new_page()
        for path in ("/runs", "/", "/train"):  # the first on a server that has served nobody yet
            page.goto(address + path)
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
            expect(page.get_by_role("heading", level=1)).to_have_count(0)
            expect(page.get_by_role("navigation")).to_have_count(0)
        page.context.close()
        assert ask(address, "/_stcore/upload_file/a/b", "PUT", "x").status == 401


def test_an_upload_is_limited_and_cannot_run_code(page: Page, tmp_path: Path) -> None:
    marker, bomb, words = (tmp_path / name for name in ("it-ran", "model.pth", "glove.txt"))
    torch.save({"classifier.bias": Bomb(marker)}, bomb)
    words.write_text("word 1 2 3\n")
    home = tmp_path / "home"
    home.mkdir()
    with serve(home, "--server.maxUploadSize", "1") as address:
        page.goto(f"{address}/checkpoints")
        page.get_by_role("tab", name="Import").click()
        uploads = page.locator("input[type=file]")
        with page.expect_request(lambda request: request.method == "PUT") as sent:
            uploads.nth(0).set_input_files(bomb)
        headers = sent.value.all_headers()
        expect(page.get_by_text("model.pth")).to_be_visible()
        uploads.nth(1).set_input_files(words)
        expect(page.get_by_text("glove.txt")).to_be_visible()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("was refused, and nothing in it was run")).to_be_visible()

        url = sent.value.url.removeprefix(address)
        kept = {name: headers[name] for name in ("cookie", "x-xsrftoken")}
        kept["content-type"] = "multipart/form-data; boundary=edge"
        before = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        for size, status in ((1_000, 204), (3_000_000, 413)):
            body = before + bytes(size) + b"\r\n--edge--\r\n"
            assert ask(address, url, "PUT", body, **kept).status == status
        assert ask(address, url, "PUT", b"", **(kept | {"x-xsrftoken": "x"})).status == 403
        page.goto("about:blank")
    assert not marker.exists()
    torch.load(bomb, weights_only=False)
    assert marker.exists(), "so it was dangerous indeed"


def health(address: str) -> tuple[int, dict[str, object]]:
    """What /health says once the imports are done; it answers while they go on, too."""
    end = monotonic() + 60
    while True:
        answer = ask(address, "/health")
        found = json.loads(answer.text)
        if found["status"] != "starting" or monotonic() > end:
            return answer.status, found


def test_health_of_a_server_that_is_well(server: str) -> None:
    status, found = health(server)
    assert (status, found["status"]) == (200, "ok")
    assert found.keys() == {"status", "version", "uptime", "device", "queue", "last_error"}
    assert found["queue"] == {"running": None, "waiting": 0} and found["last_error"] is None


def test_health_of_a_server_without_its_record_of_runs(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with serve(tmp_path) as address:
        status, found = health(address)
    assert (status, found["status"]) == (503, "failing")
    assert "record of runs" in str(found["problem"])


def headers(address: str) -> Message:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.headers


@pytest.mark.parametrize("path", ["", "train", "_stcore/health", f"assets/{assets.LIVE_CHART}"])
def test_every_answer_keeps_others_out(server: str, path: str) -> None:
    found = headers(f"{server}/{path}")
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["X-Frame-Options"] == "SAMEORIGIN"
    assert found["Referrer-Policy"] == "same-origin"
    policy = found["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'self'" in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


@pytest.mark.parametrize(
    ("path", "status", "more"),
    [
        ("/assets/none.js", 404, {}),
        ("/component/x/y", 404, {}),
        ("/media/none", 404, {}),
        ("/train", 403, {"Host": "evil.example"}),
        ("/", 403, {"X-Forwarded-For": "192.0.2.7"}),
        ("//evil.example", 400, {}),
    ],
)
def test_every_refusal_keeps_others_out(
    server: str, path: str, status: int, more: dict[str, str]
) -> None:
    refused = ask(server, path, **more)
    assert refused.status == status
    assert refused.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in refused.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-in?next=/train"])
def test_the_sign_in_and_the_way_to_it_keep_others_out(guarded: str, path: str) -> None:
    found = ask(guarded, path, Accept="text/html")
    assert found.status in (200, 303) and found.headers["Cache-Control"] == "no-store"
    assert found.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "form-action 'self'" in found.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", [assets.PLOTLY, assets.LIVE_CHART])
def test_scripts_are_kept_by_the_browser(server: str, name: str) -> None:
    found = headers(f"{server}/assets/{name}")
    assert "immutable" in found["Cache-Control"]
    assert "javascript" in found["Content-Type"]


@pytest.mark.parametrize("name", ["plotly.js", "..%2Fapp.py", "%2e%2e%2fapp.py"])
def test_no_other_file_is_served(server: str, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/assets/{name}", timeout=30)
    assert refused.value.code in (400, 404)


def test_start_closes_the_runs_of_a_program_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path))
    code = (
        "from ftcore import tracking, config; run = tracking.create_run(config.FineTuneConfig());"
        "held = tracking.claim(run); tracking.Recorder(run).__enter__(); print(run)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with serve(tmp_path):
        pass  # it is closed by the end of the start at the latest
    run = tracking.run(done.stdout.strip())
    assert run.status == "interrupted" and run.phase == "done"


def test_stop_of_the_server_leaves_a_run_that_can_go_on(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path))
    small_runs.checkpoint(tmp_path / "checkpoints" / "tiny", "tiny")
    with serve(tmp_path) as address:
        page.goto(f"{address}/train")
        page.get_by_role("spinbutton", name="Epochs").fill("1000")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Start", exact=True).click()
        figure = page.get_by_test_id("stMetric").filter(has_text="Best validation")
        expect(figure).to_contain_text("%", timeout=PATIENCE)
        page.goto("about:blank")
    run = tracking.run(tracking.runs()["run_id"][0])
    assert run.status == "interrupted" and run.resumable
    assert checkpoints.find(run.run_id).metrics["val_accuracy"] > 0
