import argparse
import json

import pytest

from ftcore.cli import options
from ftcore.config import FineTuneConfig
from ftcore.earlier_settings import EARLIER_NAMES
from ftcore.errors import UnfreezeError
from ftcore.modes import mode_defaults
from ftcore.relevance import relevant_settings


def parsed(*arguments: str) -> FineTuneConfig:
    """The config of a command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options.add_arguments(parser)
    return FineTuneConfig.from_dict(options.given_settings(parser.parse_args(arguments)))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"mode": "half"}, "Mode is 'half'; choose one of full, "),
        ({"mode": "ful"}, r"did you mean full\? Choose one of full, "),
        ({"epochs": -1}, "Epochs"),
        ({"learning_rate": float("nan")}, "Learning rate"),
        ({"dropout": 1.0}, "Dropout"),
        ({"dropout": None}, "Dropout"),
        ({"max_length": 1_000_000}, "Longest text"),
        ({"train_embeddings": "perhaps"}, "Train word vectors"),
        ({"checkpoint": "new", "mode": "last-layer"}, "new model"),
        ({"checkpoint": "new", "mode": "linear-probe"}, "pretrained body"),
        ({"mode": "custom"}, "group"),
        ({"learning_rte": 0.1}, "Unknown setting: learning_rte"),
    ],
)
def test_a_wrong_setting_is_named(values, word):
    with pytest.raises(UnfreezeError, match=word):
        FineTuneConfig.from_dict(values)


def test_a_stored_config_holds_the_values_used_and_reads_back():
    config = FineTuneConfig(mode="last-layer", limit=100)
    stored = config.to_dict()
    assert stored["epochs"] == mode_defaults("last-layer").epochs
    assert stored["learning_rate"] == mode_defaults("last-layer").learning_rate
    reference = FineTuneConfig(checkpoint="new", mode="tfidf", limit=100)
    assert reference.checkpoint == "", "a reference needs none"
    names = [setting.name for setting in relevant_settings(reference)]
    expected = ["dataset", "mode", "limit", "test_limit", "class_weights", "seed"]
    expected += ["priority", "name"]
    assert names == expected
    for original in (config, reference):
        for read in (FineTuneConfig.from_dict, FineTuneConfig.from_record):
            assert read(json.loads(json.dumps(original.to_dict()))) == original


@pytest.mark.parametrize("name", ["epochs", "learning_rate", "layer_decay", "batch_size"])
def test_none_means_the_default_of_the_mode_and_zero_only_in_a_record(name):
    assert FineTuneConfig.from_dict({name: None}) == FineTuneConfig()
    assert FineTuneConfig.from_record({name: 0, "best_by": "auto"}) == FineTuneConfig()
    assert FineTuneConfig(mode="tfidf", epochs=None).epochs == 0  # type: ignore[arg-type]
    for zero in (0, "0"):
        with pytest.raises(UnfreezeError, match="choose from"):
            FineTuneConfig.from_dict({name: zero})


def test_a_record_of_another_version_opens():
    earlier = {"own_data": "news", "tail": 0.5, "clip": 0.1, "mode": "best-head"}
    config = FineTuneConfig.from_record({"epochs": 3, "gone": 1, **earlier})
    current = {"source_task_data": "news", "tail_fraction": 0.5, "max_grad_norm": 0.1}
    current["best_by"] = "accuracy"  # by which earlier versions kept the best model
    assert config == FineTuneConfig(mode="linear-probe", epochs=3, **current)
    assert FineTuneConfig.from_record({"tail": 0.5, "tail_fraction": 0.2}).tail_fraction == 0.2
    assert EARLIER_NAMES.keys() <= earlier.keys()


def test_the_command_line_has_an_option_for_each_setting_also_by_its_earlier_name():
    config = parsed("--mode", "last-layer", "--epochs", "2", "--no-train-embeddings", "--json")
    assert config == FineTuneConfig(mode="last-layer", epochs=2, train_embeddings=False)
    earlier = parsed("--clip", "0.5", "--tail=0.1", "--own-data", "news", "--mode", "best-head")
    new = "--max-grad-norm 0.5 --tail-fraction=0.1 --source-task-data news --mode linear-probe"
    assert earlier == parsed(*new.split())


@pytest.mark.parametrize("option", ["--self-training", "--unlabelled folder", "--unlabelled=x"])
def test_a_removed_option_ends_with_one_sentence(option, capsys):
    with pytest.raises(SystemExit, match="2"):
        parsed(*option.split())
    assert capsys.readouterr().err.count("\n") == 1
