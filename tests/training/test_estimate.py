"""The estimate grows with the work and follows the pace of the machine."""

import pandas as pd
import pytest

from ftcore.config import FineTuneConfig
from ftcore.training.estimate import seconds, work

NONE = pd.DataFrame(columns=["status", "mode", "seconds", "config"])


def past(config: FineTuneConfig, pace: float, status: str = "finished") -> pd.DataFrame:
    """One earlier run that took `pace` times what the constants say."""
    row = {"status": status, "mode": config.mode, "seconds": pace * work(config), "config": config}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"epochs": 2}, {"epochs": 4}),
        ({"limit": 500}, {"limit": 0}),
        ({"dataset": "sample"}, {"dataset": "imdb"}),
        ({"dataset": "imdb", "max_length": 64}, {"dataset": "imdb", "max_length": 256}),
        ({"dataset": "imdb", "max_length": 256}, {"dataset": "imdb", "max_length": 512}),
        ({"dataset": "imdb", "mode": "last-layer"}, {"dataset": "imdb", "mode": "full"}),
        ({"dataset": "imdb", "mode": "full"}, {"dataset": "imdb", "mode": "lp-ft"}),
    ],
)
def test_more_work_takes_longer(less, more):
    assert seconds(FineTuneConfig(**less), NONE) < seconds(FineTuneConfig(**more), NONE)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 2},
        {"max_length": 512, "batch_size": 32, "evaluations": 9},
        {"mode": "custom", "groups": "layer 1"},
    ],
)
def test_earlier_runs_of_any_settings_set_the_pace(settings):
    earlier = FineTuneConfig(**{"dataset": "imdb"} | settings)
    config = FineTuneConfig(dataset="imdb", mode=earlier.mode, groups="head")
    expected = pytest.approx(3 * seconds(config, NONE))
    assert seconds(config, past(earlier, pace=3.0)) == expected


@pytest.mark.parametrize(
    "runs",
    [
        past(FineTuneConfig(), 3.0, status="stopped"),
        past(FineTuneConfig(mode="last-layer"), 3.0),
        past(FineTuneConfig(), float("nan")),
    ],
)
def test_other_runs_do_not_count(runs):
    assert seconds(FineTuneConfig(), runs) == seconds(FineTuneConfig(), NONE)
