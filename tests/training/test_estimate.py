"""The estimate grows with the work and follows the pace of the machine."""

import pandas as pd
import pytest

from ftcore.config import FineTuneConfig
from ftcore.training.estimate import seconds, work

NONE = pd.DataFrame(columns=["status", "mode", "dataset", "epochs", "limit", "seconds"])


def past(config: FineTuneConfig, pace: float, status: str = "finished") -> pd.DataFrame:
    """One earlier run that took `pace` times what the constants say."""
    row = {
        "status": status,
        "mode": config.mode,
        "dataset": config.dataset,
        "epochs": config.epochs,
        "limit": config.limit,
        "seconds": pace * work(config),
    }
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"epochs": 2}, {"epochs": 4}),
        ({"limit": 500}, {"limit": 0}),
        ({"dataset": "sample"}, {"dataset": "imdb"}),
        ({"dataset": "imdb", "max_length": 64}, {"dataset": "imdb", "max_length": 256}),
        ({"dataset": "imdb", "mode": "last-layer"}, {"dataset": "imdb", "mode": "full"}),
    ],
)
def test_more_work_takes_longer(less: dict, more: dict) -> None:
    assert seconds(FineTuneConfig(**less), NONE) < seconds(FineTuneConfig(**more), NONE)


def test_earlier_runs_set_the_pace() -> None:
    config = FineTuneConfig(dataset="imdb")
    runs = past(FineTuneConfig(epochs=2), pace=3.0)
    assert seconds(config, runs) == pytest.approx(3 * seconds(config, NONE))


@pytest.mark.parametrize(
    "runs",
    [
        past(FineTuneConfig(), 3.0, status="stopped"),
        past(FineTuneConfig(mode="last-layer"), 3.0),
        past(FineTuneConfig(), float("nan")),
    ],
)
def test_other_runs_do_not_count(runs: pd.DataFrame) -> None:
    assert seconds(FineTuneConfig(), runs) == seconds(FineTuneConfig(), NONE)
