"""How often a run is validated."""

from dataclasses import replace

import pytest
import torch

from ftcore.config import FineTuneConfig
from ftcore.events import drain
from ftcore.training import evaluation_schedule, preparation
from tests.helpers import small_runs

AUTOMATIC = FineTuneConfig(evaluations=0)


@pytest.mark.parametrize(
    ("trained", "validated", "epochs", "expected"),
    [
        (1_000, 1_000, 6, 0.75),  # a validation is a third of the work
        (100, 1_250, 20, 0.2),  # four in a run
        (22_500, 1_250, 3, 5),
        (10, 0, 1, 4),
    ],
)
def test_automatic_validations_take_a_quarter_of_the_time(trained, validated, epochs, expected):
    count = evaluation_schedule.per_epoch(AUTOMATIC, trained, validated, epochs)
    assert count == pytest.approx(expected)


def test_a_given_number_holds():
    config = replace(AUTOMATIC, evaluations=7)
    assert evaluation_schedule.per_epoch(config, 1, 1_000, 1) == 7


def test_a_run_with_few_texts_is_validated_over_several_epochs_and_at_its_end(
    monkeypatch, tmp_path
):
    small_runs.small_sample(monkeypatch)
    config = small_runs.config(evaluations=0, limit=32, epochs=10)  # 2 steps an epoch
    setup = drain(preparation.prepare(config, tmp_path, "a-run"))
    setup = replace(setup, val_rows=torch.arange(200))
    assert setup.evaluation_steps == {0, 5, 10, 15, 20}
    assert preparation.facts(setup)["evaluations_per_epoch"] == pytest.approx(0.4, abs=0.01)
