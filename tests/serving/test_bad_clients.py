"""Requests that get no answer: each is told why, by a status and a sentence."""

import gzip
import json
import socket
import threading

import pytest
import requests

from ftcore.serving import connections, guard, limits
from tests.helpers.endpoints import Counting, served, small_model
from tests.helpers.waiting import PATIENCE, wait_for

JSON = {"Content-Type": "application/json"}
GOOD = json.dumps({"texts": ["good"]}).encode()


@pytest.fixture(scope="module")
def address():
    with served(small_model()) as address:
        yield address


@pytest.mark.parametrize(
    "status, body, sentence",
    [
        (400, b"no JSON", "The body is no JSON"),
        (400, b"\xff\xfe", "The body is no JSON"),
        (400, b"[" * 100_000, "The body is no JSON"),
        (400, b'{"texts": ' + b"1" * 10_000 + b"}", "The body is no JSON"),
        (422, b"", "not an object"),
        (422, b"[]", "not an object"),
        (422, b"null", "not an object"),
        (422, b"{}", '"texts" is missing'),
        (422, b'{"texts": "good"}', '"texts" is not a list'),
        (422, b'{"texts": null}', '"texts" is not a list'),
        (422, b'{"texts": ["good", 1]}', "Text 2 is not a string"),
        (422, b'{"texts": ["good", ["bad"]]}', "Text 2 is not a string"),
        (422, b'{"texts": ["good", " "]}', "Text 2 is empty"),
        (422, b'{"texts": ["\\ud800"]}', "Text 1 holds half of a character"),
        (422, b'{"texts": [], "text": "good"}', "no field 'text'"),
        (413, json.dumps({"texts": ["x" * 1_000_000]}).encode(), "Text 1 has more than 100,000"),
        (413, json.dumps({"texts": ["x"] * 10_000}).encode(), "more than 1,000 texts"),
        (413, b"x" * 20_000_000, "more than 4,000,000 bytes"),
    ],
)
def test_a_bad_body_is_refused_in_a_sentence(address, status, body, sentence):
    response = requests.post(f"{address}/predict", data=body, headers=JSON)
    assert response.status_code == status
    assert sentence in response.json()["error"] and list(response.json()) == ["error"]


def test_a_body_in_chunks_has_the_same_limit(address):
    chunks = (b"x" * 100_000 for _ in range(60))
    response = requests.post(f"{address}/predict", data=chunks, headers=JSON)
    assert response.status_code == 413


def test_a_compressed_body_is_refused_before_it_is_unpacked(address):
    headers = JSON | {"Content-Encoding": "gzip"}
    response = requests.post(
        f"{address}/predict", data=gzip.compress(b"0" * 50_000_000), headers=headers
    )
    assert response.status_code == 415 and "not compressed" in response.json()["error"]


def test_another_media_type_is_refused(address):
    """A page of another site can send text/plain without being asked, but no JSON."""
    for headers in ({}, {"Content-Type": "text/plain"}):
        response = requests.post(f"{address}/predict", data=GOOD, headers=headers)
        assert response.status_code == 415 and "application/json" in response.json()["error"]


def test_wrong_paths_and_methods_are_refused(address):
    for path in ("/answers", "/predict/"):
        response = requests.post(f"{address}{path}", data=GOOD, headers=JSON)
        assert response.status_code == 404 and "no such path" in response.json()["error"]
    response = requests.get(f"{address}/predict")
    assert response.status_code == 405 and "POST to /predict" in response.json()["error"]


def raw(address, sent):
    """What the endpoint answers to some bytes until it closes the connection."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_what_is_no_http_is_refused(address):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    wrong_chunk = head + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n"
    for sent in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", wrong_chunk):
        status, _, body = raw(address, sent).partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 400") and b"application/json" in status
        assert "This is no valid HTTP request" in json.loads(body)["error"]
    assert requests.post(f"{address}/predict", data=GOOD, headers=JSON).ok


def test_slow_clients_are_told_and_let_go(monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(connections, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    with served(small_model()) as address:
        head = raw(address, b"POST /predict HTTP/1.1\r\nHost: x\r\n")
        assert head.startswith(b"HTTP/1.1 408") and b"did not arrive in time" in head
        post = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        body = raw(address, post + b"Content-Length: 100\r\n\r\n{")
        assert body.startswith(b"HTTP/1.1 408") and b"The body did not arrive" in body
        assert requests.post(f"{address}/predict", data=GOOD, headers=JSON).ok


def test_a_client_that_leaves_is_counted_and_forgotten(monkeypatch):
    with served(small_model()) as address:
        host, port = address.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        client.close()
        wait_for(lambda: 'status="499"} 1' in metrics(address))
        assert requests.post(f"{address}/predict", data=GOOD, headers=JSON).ok


def test_who_comes_while_too_many_are_answered_or_waits_too_long_is_told(monkeypatch):
    monkeypatch.setattr(limits, "MAX_REQUESTS", 2)
    network = Counting()
    with served(small_model(network)) as address:
        network.open.clear()

        def ask():
            answers.append(requests.post(f"{address}/predict", data=GOOD, headers=JSON))

        answers: list[requests.Response] = []
        waiting = [threading.Thread(target=ask) for _ in range(2)]
        waiting[0].start()
        wait_for(lambda: network.blocked)  # both at once would be computed together
        waiting[1].start()
        wait_for(lambda: "waiting_texts 1" in metrics(address))
        busy = requests.post(f"{address}/predict", data=GOOD, headers=JSON)
        assert busy.status_code == 503 and busy.headers["Retry-After"] == "1"
        network.open.set()
        for thread in waiting:
            thread.join(PATIENCE)
        assert [answer.status_code for answer in answers] == [200, 200]

        network.open.clear()
        monkeypatch.setattr(limits, "ANSWER_SECONDS", 0.1)
        late = requests.post(f"{address}/predict", data=GOOD, headers=JSON)
        assert late.status_code == 503 and "send fewer texts" in late.json()["error"]
        network.open.set()
        monkeypatch.setattr(limits, "ANSWER_SECONDS", 60)
        assert requests.post(f"{address}/predict", data=GOOD, headers=JSON).ok


def metrics(address):
    return requests.get(f"{address}/metrics").text


def test_a_failure_is_a_sentence_without_its_details(address):
    class Broken:
        def scores_of(self, *_):
            raise RuntimeError("a secret")

    with served(small_model(Broken())) as broken:
        for _ in range(2):  # the next request is tried again
            response = requests.post(f"{broken}/predict", data=GOOD, headers=JSON)
            assert response.status_code == 500
            assert response.json() == {"error": "The endpoint failed: its log says why."}


def test_only_open_paths_need_no_key():
    assert set(guard.OPEN) == {"/", "/health", "/openapi.json"}
    with served(small_model(), "0123456789abcdef") as address:
        statuses = {path: requests.get(f"{address}{path}").status_code for path in guard.OPEN}
        assert set(statuses.values()) == {200}
        assert requests.get(f"{address}/docs").status_code == 401
