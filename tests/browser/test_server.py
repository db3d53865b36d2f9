"""What app.py adds to Streamlit: headers, files that are kept, and care for runs at start and stop."""

import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ftcore import checkpoints, tracking
from pages.components import assets
from tests import tiny
from tests.browser.conftest import PATIENCE, ROOT, serve


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
        "from ftcore import tracking, config; print(tracking.create_run(config.FineTuneConfig()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with serve(tmp_path):
        pass  # it is closed by the end of the start at the latest
    run = tracking.run(done.stdout.strip())
    assert run.status == "interrupted" and run.phase == "done"


def test_stop_of_the_server_keeps_the_best_so_far(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path))
    tiny.checkpoint(tmp_path / "checkpoints" / "tiny", "tiny")
    with serve(tmp_path) as address:
        page.goto(f"{address}/train")
        page.get_by_role("spinbutton", name="Epochs").fill("1000")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Start", exact=True).click()
        figure = page.get_by_test_id("stMetric").filter(has_text="Best validation")
        expect(figure).to_contain_text("%", timeout=PATIENCE)
        page.goto("about:blank")
    run = tracking.run(tracking.runs()["run_id"][0])
    assert run.status == "stopped"
    assert checkpoints.find(run.run_id).metrics["val_accuracy"] > 0
