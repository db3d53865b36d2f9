"""The command `serve` as a user starts it: its answers, its paths, its key, its end."""

import json
import subprocess
import threading

import pytest
import requests

from benchmarks.harness import http_load
from benchmarks.harness.ports import free_port
from ftcore.cli.main import main
from ftcore.inference import prediction
from ftcore.serving import server
from tests.helpers.endpoints import Endpoint
from tests.helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow
KEY = "a key of twenty chars"
TEXTS = ["A good film, and a great one.", "not good: awful " * 300, "\N{THUMBS UP SIGN} pas mal"]


@pytest.fixture(scope="module")
def endpoint(session_home):
    with Endpoint("sentiment") as started:
        yield started


def test_answers_are_those_of_predict_and_have_this_form_exactly(endpoint):
    response = endpoint.post(TEXTS)
    assert response.status_code == 200
    own = prediction.predict("sentiment", TEXTS)
    assert response.json() == {
        "predictions": [
            {"label": each.label, "probabilities": pytest.approx(each.probabilities, abs=1e-5)}
            for each in own
        ]
    }
    assert endpoint.post([]).json() == {"predictions": []}


def test_the_start_is_one_line_and_health_names_the_model(endpoint):
    assert endpoint.started["model"] == "Sentiment · IMDB"
    assert endpoint.started["address"] == f"http://127.0.0.1:{endpoint.port}"
    health = requests.get(f"{endpoint.address}/health").json()
    assert (health["status"], health["model"]) == ("ok", "Sentiment · IMDB")


def test_the_description_names_statuses_and_its_page_loads_nothing_from_elsewhere(endpoint):
    described = requests.get(f"{endpoint.address}/openapi.json").json()
    statuses = described["paths"]["/predict"]["post"]["responses"]
    assert {"200", "400", "401", "408", "413", "415", "422", "503"} == set(statuses)
    assert {"/predict", "/health", "/metrics"} == set(described["paths"])
    page = requests.get(endpoint.address)
    assert "Sentiment" in page.text and "http" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_metrics_count_what_was_answered(endpoint):
    before = counts(endpoint)
    endpoint.post(["good", "good", "qqqq zzzz"])
    after = counts(endpoint)
    assert after["unfreeze_texts_total"] - before["unfreeze_texts_total"] == 3
    positive = 'unfreeze_answers_total{label="positive"}'
    assert after[positive] - before[positive] >= 2
    assert after["unfreeze_unknown_tokens_total"] - before["unfreeze_unknown_tokens_total"] == 2
    answered = "unfreeze_request_seconds_count"
    assert after[answered] - before[answered] == 1


def counts(endpoint):
    lines = requests.get(f"{endpoint.address}/metrics").text.splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in samples}


def test_many_callers_at_once_get_their_own_answers(endpoint):
    texts = [f"a {word} film {number}" for number in range(20) for word in ("good", "bad")]
    own = {each.text: each.label for each in prediction.predict("sentiment", texts)}
    answers = {}

    def ask(text):
        answers[text] = endpoint.post([text]).json()["predictions"][0]["label"]

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == own


def test_a_key_is_asked_for_wherever_texts_or_answers_are():
    with Endpoint("sentiment", UNFREEZE_API_KEY=KEY) as guarded:
        assert guarded.started["key"] is True
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
            refused = guarded.post(["good"], headers=headers)
            assert refused.status_code == 401 and "Bearer KEY" in refused.json()["error"]
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert requests.get(f"{guarded.address}/metrics", headers=headers).status_code == 401
        right = {"Authorization": f"Bearer {KEY}"}
        assert guarded.post(["good"], headers=right).status_code == 200
        assert requests.get(f"{guarded.address}/metrics", headers=right).status_code == 200
        assert requests.get(f"{guarded.address}/health").status_code == 200
        security = requests.get(f"{guarded.address}/openapi.json").json()["components"]
        assert security["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}


def test_sigterm_finishes_what_is_under_way():
    with Endpoint("sentiment") as ending:
        answers = []
        texts = ["a film that I did not like, and not only for its end " * 25] * 1000
        asking = threading.Thread(target=lambda: answers.append(ending.post(texts)))
        asking.start()
        while not counts(ending)["unfreeze_waiting_texts"]:
            assert asking.is_alive(), "it was answered before the signal"
        status, out, errors = ending.stop()
        asking.join(PATIENCE)
        assert (status, errors) == (0, "")
        assert json.loads(out) == {"stopped": True}
        assert len(answers[0].json()["predictions"]) == 1000


def test_what_it_cannot_start_with_is_one_sentence(endpoint, tmp_path, monkeypatch, capsys):
    def serve(*arguments):
        return main(["serve", *arguments]), capsys.readouterr().err

    monkeypatch.setattr(server, "serve", lambda *_: pytest.fail("it started"))
    port = str(endpoint.port)
    assert serve("sentiment", "--port", port) == (
        1,
        f"Port {port} is taken: choose another one (--port).\n",
    )
    free = ("--port", str(free_port()))
    status, error = serve("gone", *free)
    assert status == 1 and error.startswith("There is no checkpoint 'gone'")
    status, error = serve(str(tmp_path), *free)
    assert status == 1 and "has no model.json" in error
    status, error = serve("sentiment", "--host", "0.0.0.0", *free)
    assert status == 2 and "without a key" in error
    monkeypatch.setenv("UNFREEZE_API_KEY", "short")
    status, error = serve("sentiment", *free)
    assert status == 2 and "16 or more" in error
    monkeypatch.setenv("UNFREEZE_API_KEY", KEY)
    status, error = serve("sentiment", "--host", "no.such.host.invalid", *free)
    assert status == 1 and "is unknown" in error


def test_the_load_tool_of_the_benchmark_sees_every_request(endpoint, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"texts": ["good"]}')
    load = http_load.post(f"{endpoint.address}/predict", body, callers=2, requests=5)
    assert len(load.milliseconds) == 5 and 0 < max(load.milliseconds) <= load.seconds * 1000
    body.write_text("no JSON")
    with pytest.raises(subprocess.CalledProcessError):
        http_load.post(f"{endpoint.address}/predict", body, callers=1, requests=1)
