"""The presets on the command line."""

import pytest

from ftcore.cli import compare, experiment, main, options, training
from ftcore.cli.printer import Printer
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.modes import mode_defaults
from ftcore.presets import ENCODER_PRESETS, PRESETS
from tests.helpers import small_encoders


@pytest.fixture
def encoder(tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    return drain(huggingface.import_encoder(str(folder))).ref


def trained(arguments, monkeypatch):
    """The settings that `train` trains with."""
    configs = []
    run = lambda run_id, config, values, out: configs.append(config) or 0  # noqa: E731
    monkeypatch.setattr(training, "_execute_and_report", run)
    assert main.main(["train", *arguments.split()]) == 0
    return configs[0]


def test_a_preset_fills_what_is_not_given(monkeypatch):
    config = trained("--preset best --epochs 2", monkeypatch)
    assert config == FineTuneConfig(**PRESETS["Best"] | {"epochs": 2})
    assert trained("--preset lesson", monkeypatch) == FineTuneConfig(**PRESETS["Lesson"])
    assert trained("--preset best --mode last-layer", monkeypatch).max_length == 512


def test_all_modes_of_a_comparison_take_the_preset():
    words = ["compare", "--preset", "best", "--modes", "full,last-layer", "--batch-size", "8"]
    parsed = main._parser().parse_args(words)
    configs = experiment.checked_plan(parsed, Printer(False), compare.plan_runs)
    shared = {(each.epochs, each.max_length, each.batch_size) for each in configs}
    assert shared == {(PRESETS["Best"]["epochs"], 512, 8)}


def test_an_encoder_has_presets_of_its_own_and_not_the_lessons(encoder):
    given = {"checkpoint": encoder, "max_length": 16}
    quick = options.with_preset({"checkpoint": encoder}, "quick")
    # The small encoder reads 64 tokens.
    read = {"max_length": 64, "read_length": 64}
    assert quick == {"checkpoint": encoder, **ENCODER_PRESETS["Quick"], **read}
    assert options.with_preset(given, "quick") == quick | given
    for other in ({"mode": "last-layer"}, {"epochs": 2}, {"minutes": 3.0}):
        assert "steps" not in options.with_preset(given | other, "quick")
    with pytest.raises(UsageError, match=r"preset lesson, .*: choose quick or best\.$"):
        options.with_preset(given, "lesson")


def test_help_lists_what_a_preset_sets(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "2000")
    with pytest.raises(SystemExit, match="0"):
        main.main(["train", "--help"])
    help = capsys.readouterr().out.rpartition("--preset {")[2]
    for words in ("quick: the defaults", "--embedding-rate 0.4", "--no-train-embeddings"):
        assert words in help


def test_an_encoder_takes_more_epochs_of_few_texts(encoder):
    epochs = [mode_defaults("full", True, limit).epochs for limit in (0, 100, 500, 2_000, 10**6)]
    assert epochs == [2, 20, 12, 3, 2]
    assert mode_defaults("full", False, 100).epochs == 3
    assert mode_defaults("last-layer", True, 2_000).epochs == 20
    assert mode_defaults("gradual", True, 2_000).epochs == 4
    assert FineTuneConfig(checkpoint=encoder, limit="500").epochs == 12
    words = f"compare --checkpoint {encoder} --limit 500 --max-length 16".split()
    parsed = main._parser().parse_args(words)
    configs = experiment.checked_plan(parsed, Printer(False), compare.plan_runs)
    assert {config.epochs for config in configs} == {12}
