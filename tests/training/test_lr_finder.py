"""The search for a learning rate: what it finds, that it stays apart, and that the page offers it."""

import json
import math
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.models import checkpoints
from ftcore.runs import train
from ftcore.runs.scheduler import scheduler
from ftcore.training import lr_finder
from tests.helpers import small_runs

pytestmark = pytest.mark.slow

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture
def base() -> str:
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    return "base"


def test_what_batches_differ_by_does_not_show() -> None:
    luck = random.Random(0)
    starts = [0.7 + luck.uniform(-0.2, 0.2) for _ in range(60)]
    falls = [0.3 * min(1, step / 40) for step in range(60)]
    losses = [start - fall for start, fall in zip(starts, falls, strict=True)]
    found = lr_finder.smoothed(losses, starts)
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(sum(starts) / 60)


def test_a_quarter_of_the_highest_rate_that_still_helped() -> None:
    rates = [1e-4, 1e-3, 1e-2, 1e-1]
    assert lr_finder.suggest(rates, [0.7, 0.5, 0.53, 2.0]) == 0.0025
    assert lr_finder.suggest(rates, [0.7, 0.5, 0.58, 2.0]) == 0.00025
    assert lr_finder.suggest([0.0123456], [0.7]) is None
    assert lr_finder.suggest(rates, [0.7, 0.699, 0.695, 2.0]) is None, "hardly fell"
    assert lr_finder.suggest([], []) is None


@pytest.mark.parametrize(("mode", "low", "high"), [("full", 3e-4, 1e-2), ("last-layer", 5e-3, 0.2)])
def test_the_suggestion_is_near_the_best_rate(mode: str, low: float, high: float) -> None:
    """On the sample: by full runs 1e-3 was best of 1e-4 … 1e-2, for the last layer 3e-2 and 1e-1."""
    events: list[Progress] = []
    found = drain(lr_finder.find_rate(FineTuneConfig(mode=mode)), events.append)  # type: ignore[arg-type]
    assert found.suggestion is not None and low <= found.suggestion <= high
    assert len(found.rates) == len(found.losses) <= lr_finder.STEPS
    assert found.rates == sorted(found.rates) and found.rates[0] == lr_finder.LOWEST
    assert all(map(math.isfinite, found.losses))
    done = [event.done for event in events if event.phase == "training"]
    assert done == list(range(1, len(found.rates) + 1))


def test_it_ends_where_the_loss_explodes(base: str) -> None:
    config = FineTuneConfig(checkpoint=base, optimizer="sgd", max_grad_norm=0.0, limit=400)
    found = drain(lr_finder.find_rate(config))
    assert found.losses[-1] > lr_finder.EXPLODED * min(found.losses) or (
        found.rates[-1] == pytest.approx(lr_finder.HIGHEST)
    )


@pytest.mark.parametrize("mode", ["gradual", "last-2", "scratch"])
def test_every_mode_has_a_rate_and_nothing_is_saved(base: str, home: Path, mode: str) -> None:
    weights = (home / "checkpoints" / "base" / "weights.safetensors").read_bytes()
    config = FineTuneConfig(checkpoint=base, mode=mode, limit=40, watch="good", batch_size=8)
    found = drain(lr_finder.find_rate(config))  # fewer texts than a hundred steps take
    assert len(found.rates) > 5
    assert (home / "checkpoints" / "base" / "weights.safetensors").read_bytes() == weights
    assert not (home / "runs").exists() and not (home / "mlflow.db").exists()


def test_a_reference_has_no_rate() -> None:
    with pytest.raises(UnfreezeError, match="no learning rate"):
        drain(lr_finder.find_rate(FineTuneConfig(mode="tfidf")))


def test_apart_it_finds_the_same_and_touches_no_random_numbers(base: str) -> None:
    config = FineTuneConfig(checkpoint=base, mode="last-layer", name="--json", limit=200)
    state = torch.get_rng_state()
    apart = drain(lr_finder.find_rate_in_subprocess(config))
    assert torch.get_rng_state().equal(state)
    assert apart == drain(lr_finder.find_rate(config))


def test_apart_a_fault_is_the_same_sentence(base: str) -> None:
    with pytest.raises(UnfreezeError, match="no checkpoint 'gone'"):
        drain(lr_finder.find_rate_in_subprocess(FineTuneConfig(checkpoint="gone")))


def test_the_process_ends_with_the_task(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *args: object, **more: object) -> None:
            super().__init__(*args, **more)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    task = lr_finder.find_rate_in_subprocess(FineTuneConfig(checkpoint=base))
    next(task)
    next(task)  # a first line, so it works
    task.close()
    assert started[0].returncode is not None


def test_a_training_beside_it_ends_with_the_very_same_weights(base: str, tmp_path: Path) -> None:
    config = FineTuneConfig(checkpoint=base, epochs=3, limit=400, dropout=0.3)

    def weights(ref: str) -> bytes:
        drain(train.train(config, checkpoints.run_path(ref), ref))
        return (checkpoints.run_path(ref) / "weights.safetensors").read_bytes()

    alone = weights("alone")
    searching = threading.Thread(target=lambda: drain(lr_finder.find_rate_in_subprocess(config)))
    searching.start()
    beside = weights("beside")
    searching.join()
    assert beside == alone


def test_the_command_line_ends_with_the_rate(base: str) -> None:
    command = [sys.executable, "-m", "ftcore", "find-rate", "--mode", "last-layer", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert 1e-3 < last["suggestion"] < 1
    assert len(last["rates"]) == len(last["losses"])


@pytest.fixture
def page(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")  # the search itself, in its process, sees the real ones
    yield AppTest.from_file(str(MAIN), default_timeout=120).switch_page("train.py").run()
    scheduler.shutdown()


def test_one_click_finds_a_rate_and_another_one_takes_it(page: AppTest) -> None:
    page.button(key="find_rate").click().run()
    assert not page.exception and not page.error
    use = page.button(key="use_rate")
    page = use.click().run()
    assert float(use.label.removeprefix("Use ")) == page.number_input("setting_learning_rate").value
    assert page.button(key="use_rate").disabled
    page.number_input("setting_batch_size").set_value(17).run()
    assert "use_rate" not in [button.key for button in page.button], "found for other settings"


def test_a_search_beside_a_training_is_refused_with_the_reason(page: AppTest) -> None:
    run_id = scheduler.submit(FineTuneConfig(epochs=1000, name="long"))
    page.button(key="find_rate").click().run()
    assert "A run is training" in page.error[0].value
    scheduler.stop(run_id)
