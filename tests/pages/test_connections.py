"""A real server whose connections, open files and log are to be exhausted."""

import itertools
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from benchmarks.harness.server_process import ServerProcess
from benchmarks.load import half_open
from benchmarks.load.simulated_visitor import Visitor
from ftcore import tracking
from ftcore.config import FineTuneConfig
from tests.helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

SECRET = "open sesame"
OPEN_FILES = 1024


@pytest.fixture
def open_files():
    """As many open files as this process may have, for the clients of the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def sign_in(address: str) -> dict[str, str]:
    """The cookie of a visitor who has signed in."""
    answer = requests.post(
        f"{address}/sign-in", {"password": SECRET}, allow_redirects=False, timeout=PATIENCE
    )
    assert answer.status_code == 303
    return dict(answer.cookies)


def test_half_open_connections_end_no_run(home, open_files):
    runs = [
        tracking.create_run(
            FineTuneConfig(mode="full", epochs=1, limit=1500, name=name), place=place
        )
        for name, place in (("first", 1.0), ("second", 2.0))
    ]
    server = ServerProcess(home, open_files=OPEN_FILES, UNFREEZE_PASSWORD=SECRET)
    with server:
        cookies = sign_in(server.address)
        wait_for(lambda: tracking.run(runs[0]).status == "running")
        with half_open.connections(server.port, 1_100):
            end = time.monotonic() + PATIENCE
            while tracking.run(runs[1]).status in ("queued", "running") and time.monotonic() < end:
                answer = requests.get(f"{server.address}/health", cookies=cookies, timeout=PATIENCE)
                assert answer.status_code == 200, answer.text
                time.sleep(1)
        assert [tracking.run(run_id).status for run_id in runs] == ["finished"] * 2
        assert sign_in(server.address), "others still get in"
    log = server.log.read_text()
    assert len(log) < 10_000 and "Traceback" not in log, log[:5_000]


def test_twenty_tabs_watch_a_run_to_its_end(home):
    config = FineTuneConfig(mode="full", epochs=2, limit=1500)
    run_id = tracking.create_run(config, place=1.0)
    answers = []

    def watch(_: int) -> None:
        tab = Visitor(server.address, answers.append)
        tab.open("train", f"run={run_id}")
        while tracking.run(run_id).live:
            time.sleep(1)
            tab.tick()
        tab.open("train", f"run={run_id}")
        assert tab.names("again"), "the run has ended on the page, too"
        tab.close()

    with ServerProcess(home) as server, ThreadPoolExecutor(20) as pool:
        list(pool.map(watch, range(20)))
    assert tracking.run(run_id).status == "finished"
    assert len(answers) > 100 and max(answers) < 30
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def protected(tmp_path_factory):
    """The address of a dashboard with a password."""
    home = tmp_path_factory.mktemp("protected")
    with ServerProcess(home, UNFREEZE_PASSWORD=SECRET) as server:
        yield server.address
    assert "Traceback" not in server.log.read_text()


def try_passwords(address: str, seconds: float) -> int:
    """How many wrong passwords are answered by 40 clients, each try with other forwarding headers."""
    end = time.monotonic() + seconds

    def client(number: int) -> int:
        tries = itertools.count()
        wrong = 0
        with requests.Session() as session:
            while (left := end - time.monotonic()) > 0:
                host = f"198.51.{number}.{next(tries) % 256}"
                headers = {"X-Forwarded-For": host, "X-Real-IP": host, "Forwarded": f"for={host}"}
                with suppress(requests.Timeout):
                    url, form = f"{address}/sign-in", {"password": f"guess {host}"}
                    answer = session.post(url, form, headers=headers, timeout=left)
                    wrong += answer.status_code == 403
        return wrong

    with ThreadPoolExecutor(40) as pool:
        return sum(pool.map(client, range(40)))


def test_wrong_passwords_are_slow_whatever_headers_say_and_the_right_one_is_not(protected):
    assert try_passwords(protected, 3.0) < 20
    began = time.monotonic()
    assert sign_in(protected)
    assert time.monotonic() - began < 5


def test_copied_cookie_is_void_after_sign_out(protected):
    copied, other = sign_in(protected), sign_in(protected)
    assert requests.get(protected, cookies=copied, timeout=PATIENCE).status_code == 200
    requests.get(f"{protected}/sign-out", cookies=copied, timeout=PATIENCE)
    assert requests.get(protected, cookies=copied, timeout=PATIENCE).status_code == 401
    assert requests.get(protected, cookies=other, timeout=PATIENCE).status_code == 200
