"""The presets on the command line."""

import pytest

from ftcore.cli import compare, experiment, main, options, training
from ftcore.cli.printer import Printer
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.modes import mode_defaults, recipe
from ftcore.presets import ENCODER_PRESETS, PRESETS
from tests.helpers import small_encoders


@pytest.fixture
def encoder(tmp_path):
    folder = small_encoders.write_folder(tmp_path / "small-bert")
    return drain(huggingface.import_encoder(str(folder))).ref


def trained(arguments, monkeypatch):
    """The settings that `train` trains with."""
    configs = []
    run = lambda claim, run_id, config, values, out: configs.append(config) or 0  # noqa: E731
    monkeypatch.setattr(training, "_execute_and_report", run)
    assert main.main(["train", *arguments.split()]) == 0
    return configs[0]


def test_a_preset_fills_what_is_not_given(monkeypatch):
    config = trained("--preset best --epochs 2", monkeypatch)
    assert config == FineTuneConfig(**PRESETS["Best"] | {"epochs": 2, "name": config.name})
    config = trained("--preset lesson", monkeypatch)
    assert config == FineTuneConfig(**PRESETS["Lesson"] | {"name": config.name})
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


@pytest.mark.parametrize(
    ("family", "width", "rate", "decay"),
    [
        ("bert", 384, 1e-4, 0.9),
        ("electra", 256, 1e-4, 0.9),
        ("bert", 768, 2e-5, 0.95),
        ("distilbert", 768, 2e-5, 0.95),
        ("electra", 768, 1e-4, 0.8),
    ],
)
def test_the_rate_follows_the_width_and_the_family(family, width, rate, decay):
    sizes = small_encoders.config_values(family)
    sizes |= {name: width for name in ("hidden_size", "dim") if name in sizes}
    kind = recipe(EncoderSpec(family, sizes, 2, "mean", {"layer 1": 1, "embeddings": 1}))
    full, lora, lp_ft = (mode_defaults(mode, kind) for mode in ("full", "lora", "lp-ft"))
    assert (full.learning_rate, full.layer_decay, full.head_rate) == (rate, decay, 10)
    assert lora.learning_rate == pytest.approx(10 * rate) and lora.layer_decay == 1
    assert (lp_ft.learning_rate, lp_ft.head_rate) == (rate, 1)
    assert mode_defaults("last-layer", kind).learning_rate == 0.01


def test_a_wide_encoder_takes_its_rate_where_none_is_given(tmp_path):
    sizes = {"hidden_size": 512, "num_hidden_layers": 1}
    folder = small_encoders.write_folder(tmp_path / "wide", **sizes)
    ref = drain(huggingface.import_encoder(str(folder))).ref
    assert FineTuneConfig(checkpoint=ref).learning_rate == 2e-5
    assert FineTuneConfig(checkpoint=ref, learning_rate=1e-4).learning_rate == 1e-4
    assert FineTuneConfig(checkpoint="starter").learning_rate == 1.5e-3


def test_an_encoder_takes_more_epochs_of_few_texts(encoder):
    epochs = [
        mode_defaults("full", "encoder", limit).epochs for limit in (0, 100, 500, 2_000, 10**6)
    ]
    assert epochs == [2, 20, 12, 3, 2]
    assert mode_defaults("full", "lesson", 100).epochs == 3
    assert mode_defaults("last-layer", "encoder", 2_000).epochs == 20
    assert mode_defaults("gradual", "encoder", 2_000).epochs == 4
    assert FineTuneConfig(checkpoint=encoder, limit="500").epochs == 12
    words = f"compare --checkpoint {encoder} --limit 500 --max-length 16".split()
    parsed = main._parser().parse_args(words)
    configs = experiment.checked_plan(parsed, Printer(False), compare.plan_runs)
    assert {config.epochs for config in configs} == {12}
