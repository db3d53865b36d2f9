"""Connections that are too many or too slow, on a small server of uvicorn with our limits."""

import socket
import ssl
import subprocess
import threading
import time

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ftcore.access import Networks
from ftcore.serving import connections, listening
from ftcore.serving.connections import CONNECTION
from pages.components.shell import uvicorn_server
from tests.helpers.waiting import PATIENCE

LIMIT = 8
HEAD = b"GET /quick HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the size of a request's body; /trusted is for a visitor who has signed in."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
    elif scope["type"] == "websocket":
        await (web_socket := WebSocket(scope, receive, send)).accept()
        await web_socket.send_text(await web_socket.receive_text())
    else:
        scope[CONNECTION].trusted |= scope["path"] == "/trusted"
        body = b"" if scope["path"] == "/refused" else await Request(scope, receive).body()
        answer = b"x" * 50_000_000 if scope["path"] == "/large" else f"{len(body)} bytes"
        if scope["path"] == "/delay":
            option = socket.IPPROTO_TCP, socket.TCP_NODELAY
            answer = "none" if scope[CONNECTION].socket.getsockopt(*option) else "some"
        await Response(answer)(scope, receive, send)


@pytest.fixture
def started():
    """The servers with their threads; they are stopped at the end."""
    started: list[tuple[uvicorn.Server, threading.Thread]] = []
    yield started
    stop(started)


def stop(started):
    for server, thread in started:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def serve(monkeypatch, started):
    """Start a server with its trusted proxies and options of uvicorn; returns its port."""
    for name in ("REQUEST_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(connections, name, 0.4)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", LIMIT)
    monkeypatch.setattr(uvicorn.Server, "startup", uvicorn.Server.startup)

    def start(proxies: str = "", **options: object) -> int:
        uvicorn_server.install(Networks(proxies, "X"))
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, ws="websockets-sansio", **options)
        )
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        started.append((server, thread))
        return listening.getsockname()[1]

    return start


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory):
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    command += ["-days", "1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def connect(port: int, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
    client.sendall(sent)
    return client


def is_ended(client: socket.socket, seconds: float = 0.0) -> bool:
    """Whether the server ends a connection within `seconds`, possibly after an answer."""
    end = time.monotonic() + max(seconds, 0.05)
    while (left := end - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            if client.recv(65_536) == b"":
                return True
        except TimeoutError:
            return False
        except ConnectionError:
            return True
    return False


def answer(client: socket.socket, request: bytes = HEAD + b"\r\n") -> bytes:
    client.settimeout(PATIENCE)
    client.sendall(request)
    return client.recv(65_536)


def trickle(client: socket.socket, seconds: float) -> bool:
    """Send a byte now and then; returns whether the server has ended the connection meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            client.sendall(b"x")
        except ConnectionError:
            return True
        if is_ended(client):
            return True
    return False


@pytest.mark.parametrize(
    "sent",
    [b"", HEAD + b"X: ", POST, POST.replace(b"/body", b"/refused"), HEAD + b"\r\n" + HEAD + b"X: "],
    ids=[
        "nothing",
        "half a head",
        "half a body",
        "unread body",
        "half a head after an answer",
    ],
)
def test_what_never_ends_is_ended(serve, sent):
    port = serve()
    assert is_ended(connect(port, sent), PATIENCE)
    assert trickle(connect(port, sent or b"GET /"), PATIENCE)
    assert b"200 OK" in answer(connect(port))


@pytest.mark.parametrize(
    "sent", [b"", HEAD + b"X: ", POST, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_a_stop_waits_for_nobody(serve, started, monkeypatch, sent):
    for name in ("REQUEST_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(connections, name, 60.0)
    monkeypatch.setattr(uvicorn_server, "STOP_SECONDS", 1)
    client = connect(serve(), sent)
    time.sleep(0.2)  # it reads nothing, either
    stop(started)
    client.close()


def test_a_long_body_at_a_good_rate_is_not_ended(serve):
    client = connect(serve(), POST.replace(b"400", b"40000"))
    for _ in range(40):
        client.sendall(b"x" * 1_000)
        time.sleep(0.02)
    client.settimeout(PATIENCE)
    assert b"40000 bytes" in client.recv(65_536)


def test_a_web_socket_has_no_deadline(serve):
    from websockets.sync.client import connect as connect_web_socket

    with connect_web_socket(f"ws://127.0.0.1:{serve()}/") as client:
        time.sleep(1.0)
        client.send("still here")
        assert client.recv(PATIENCE) == "still here"


def test_messages_do_not_wait_for_the_acknowledgement_of_earlier_ones(serve):
    """Pages are drawn by many small ones."""
    client = connect(serve(), b"GET /delay HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    client.settimeout(PATIENCE)
    assert client.makefile("rb").read().endswith(b"none")


def test_the_one_that_waits_longest_gives_way(serve, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 60.0)
    port = serve()
    waiting = []
    for _ in range(LIMIT // 2):
        waiting.append(connect(port))
        time.sleep(0.02)
    elsewhere = connect(port, source="127.0.0.2")  # all of 127.0.0.0/8 is this machine
    assert is_ended(waiting[0], PATIENCE) and not any(is_ended(client) for client in waiting[1:])
    assert b"200 OK" in answer(elsewhere) and not is_ended(elsewhere)
    for client in waiting[1:]:
        assert b"200 OK" in answer(client, b"GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n")
    first = connect(port)  # in place of `elsewhere`
    assert is_ended(elsewhere, PATIENCE)
    last = connect(port)
    assert is_ended(first, PATIENCE) and not is_ended(last)
    assert not any(is_ended(client) for client in waiting[1:]), "these have signed in"


def test_trusted_visitors_do_not_give_way_and_a_proxy_may_have_all_connections(serve, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 60.0)
    port = serve(proxies="127.0.0.1", timeout_keep_alive=60)
    clients = [connect(port) for _ in range(LIMIT)]
    for client in clients:
        assert b"200 OK" in answer(client, b"GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n")
    assert is_ended(connect(port), PATIENCE)
    assert not any(is_ended(client) for client in clients)


def test_a_tls_handshake_that_never_ends_is_ended(serve, tls_files):
    certificate, key = tls_files
    port = serve(ssl_certfile=str(certificate), ssl_keyfile=str(key))
    assert is_ended(connect(port), PATIENCE)
    assert is_ended(connect(port, b"\x16\x03\x01"), PATIENCE)
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with context.wrap_socket(connect(port)) as client:
        assert b"200 OK" in answer(client)
    assert is_ended(connect(port, HEAD + b"\r\n"), PATIENCE), "no TLS"


def test_a_server_without_a_file_left_waits_and_says_so_once(serve, monkeypatch, caplog):
    port = serve()
    assert b"200 OK" in answer(connect(port))
    accept, failures = socket.socket.accept, []

    def accept_without_files(listening: socket.socket) -> object:
        if len(failures) < 3:
            failures.append(1)
            raise OSError(24, "Too many open files")
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", accept_without_files)
    assert b"200 OK" in answer(connect(port))
    assert len(failures) == 3 and "Too many files are open" in caplog.text
    assert "Traceback" not in caplog.text
