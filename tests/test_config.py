import argparse
import json

import pytest

from ftcore.config import MODE_DEFAULTS, PRESETS, FineTuneConfig, add_arguments, meant
from ftcore.errors import UnfreezeError


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"mode": "half"}, "Mode"),
        ({"epochs": -1}, "Epochs"),
        ({"epochs": "many"}, "Epochs"),
        ({"epochs": 1.5e9}, "Epochs"),
        ({"learning_rate": float("nan")}, "Learning rate"),
        ({"learning_rate": float("inf")}, "Learning rate"),
        ({"batch_size": -1}, "Batch size"),
        ({"dropout": 1.0}, "Dropout"),
        ({"max_length": 1_000_000}, "Longest text"),
        ({"train_embeddings": "perhaps"}, "Train word vectors"),
        ({"checkpoint": "new", "mode": "last-layer"}, "new model"),
    ],
)
def test_a_setting_out_of_range_is_named(values: dict[str, object], word: str) -> None:
    with pytest.raises(UnfreezeError, match=word):
        FineTuneConfig.from_dict(values)


def test_the_stored_record_holds_what_was_used_and_reads_back() -> None:
    config = FineTuneConfig(mode="last-layer", limit=100)
    stored = config.to_dict()
    assert stored["epochs"] == MODE_DEFAULTS["last-layer"].epochs
    assert stored["learning_rate"] == MODE_DEFAULTS["last-layer"].learning_rate
    assert FineTuneConfig.from_dict(json.loads(json.dumps(stored))) == config


def test_a_record_with_a_setting_of_another_version_still_opens() -> None:
    assert FineTuneConfig.from_dict({"epochs": 3, "gone": 1}).epochs == 3


def test_the_command_line_knows_every_setting_and_leaves_out_the_rest() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = vars(parser.parse_args(["--mode", "full", "--epochs", "2", "--train-embeddings"]))
    assert given == {"mode": "full", "epochs": "2", "train_embeddings": True}
    config = FineTuneConfig.from_dict(given)
    assert (config.epochs, config.train_embeddings) == (2, True)


@pytest.mark.parametrize(
    "option", [["--self-training"], ["--unlabelled", "folder"], ["--unlabelled=x"]]
)
def test_a_removed_option_is_refused_in_one_sentence(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(option)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert "self" not in parser.format_help().lower()


def test_a_reference_needs_no_checkpoint_and_few_settings() -> None:
    config = FineTuneConfig(checkpoint="new", mode="tfidf", limit=100)
    assert config.checkpoint == ""
    assert FineTuneConfig.from_dict(config.to_dict()) == config
    names = [setting.name for setting in meant(config)]
    assert names == ["dataset", "source", "mode", "limit", "seed", "name"]


def test_presets_are_valid_and_the_lesson_keeps_its_hyperparameters() -> None:
    for values in PRESETS.values():
        FineTuneConfig(**values)
    lesson = FineTuneConfig(**PRESETS["Lesson"])
    assert (lesson.optimizer, lesson.learning_rate, lesson.schedule) == ("sgd", 1.0, "constant")
    assert (lesson.clip, lesson.batch_size, lesson.epochs) == (0.1, 32, 100)
