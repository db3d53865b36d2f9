"""Odd settings and texts, from the form and the command line: used, or refused with one sentence.

What is accepted ends as a run that finished, or failed for a reason that is told. See tests/fuzz.py.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import MODES, REFERENCES, FineTuneConfig, choices
from ftcore.data import datasets
from ftcore.data.text_dataset import Texts
from ftcore.events import Progress
from ftcore.inference import prediction
from ftcore.runs import execution
from ftcore.runs.checks import check_config
from pages.components.text import escaping, html_fragments
from tests.helpers import small_runs
from tests.helpers.fuzzing import ODD_TEXTS, ODD_VALUES, accepted, examples

SETTINGS = fields(FineTuneConfig)
NUMBERS = [
    "0",
    "-0",
    "1",
    "1e3",
    "1e400",
    "\u0661",
    "1_000",
    " 3 ",
    "0x10",
    "1.5",
    "9" * 5000,
    "inf",
    "-nan",
]
GOOD: dict[str, list[Any]] = {
    "mode": [*MODES, "last-2", "last-3", "last-99"],
    "groups": ["head", "layer 1", "head, word vectors", "x"],
    "checkpoint": ["base", "new", "nowhere", ""],
    "dataset": [*datasets.NAMES, "other"],
    "learning_rate": [1e-9, 0.01, 10.0, 1e6],
    "weight_decay": [0.0, 10.0],
    "max_grad_norm": [0.0, 1e6, 1e-9],
    "batch_size": [1, 7, 4096],
    "epochs": [1, 2],
    "max_length": [8, 4096],
    "tail_fraction": [0.0, 1.0],
    "limit": [1, 2, 10**7],
    "dropout": [0.9],
    "word_dropout": [0.9],
    "embedding_rate": [0.0, 10.0],
    "layer_decay": [1e-9, 1.0],
    "evaluations": [1, 100],
    "seed": [2**31 - 1],
    "device": ["cpu", "cuda", "x"],
    "precision": ["bf16", "fp32"],
    "watch": ["a\n\n \nb", *ODD_TEXTS],
    "train_embeddings": [True],
    "optimizer": ["sgd"],
    "schedule": ["constant"],
}


@given(st.sampled_from(SETTINGS), st.sampled_from([*ODD_VALUES, *ODD_TEXTS, *NUMBERS]))
@examples(400)
def test_any_value_of_any_setting_is_used_or_refused(setting: Any, value: object) -> None:
    config = accepted(lambda: FineTuneConfig.from_dict({setting.name: value}))
    if config is None:
        return
    stored = config.to_dict()
    assert FineTuneConfig.from_dict(json.loads(json.dumps(stored))) == config
    json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()
    for one in SETTINGS:
        kept = stored[one.name]
        assert kept in choices(one) if choices(one) else type(kept) is one.type


def ended(values: dict[str, Any]) -> tracking.Run | None:
    """A run of these settings in a world of 200 short texts, from its start to its end."""

    def run() -> tracking.Run:
        config = small_runs.config(**{"epochs": 1} | values)
        check_config(config)
        run_id = tracking.create_run(config)
        for _ in execution.execute(run_id):
            pass
        return tracking.run(run_id)

    found = accepted(run)
    if found is not None:
        assert found.status in ("finished", "failed"), found
        assert "unexpected" not in found.message and found.message, found.message
        assert tracking.runs().iloc[0]["status"] == found.status  # so its record can be read
    return found


SOME_GOOD = st.lists(st.sampled_from(sorted(GOOD)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(GOOD[name]) for name in names})
)


@given(SOME_GOOD)
@example({"mode": "tfidf", "limit": 1})
@example({"mode": "linear-probe", "limit": 1})
@example({"limit": 1, "batch_size": 1, "evaluations": 100})
@example({"max_grad_norm": 0.0, "learning_rate": 1e6, "optimizer": "sgd"})
@example({"watch": "x" * 100_000})
@example({"watch": "good film\n" * 3000})
@example({"name": "n" * 10_000})
@example({"device": "meta"})
@example({"device": "cuda:99"})
@examples(10)
def test_what_is_accepted_ends_as_a_run_with_its_reason(values: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        small_runs.small_sample(patch)
        ended(values)


ONE_OF_EACH = Texts(["good film", "bad film"], [1, 0])
ALIKE = Texts(["the film"] * 8, [0, 1] * 4)


@pytest.mark.parametrize("mode", ["full", "last-layer", "gradual", *REFERENCES])
@pytest.mark.parametrize("texts", [ONE_OF_EACH, ALIKE, Texts(["x"] * 9 + ["y"], [0] * 9 + [1])])
def test_a_class_with_one_example_ends_with_a_reason(
    mode: str, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = small_runs.small_sample(monkeypatch)
    few = datasets.TextDataset(
        "sample", "Few", whole.labels, texts, texts, "here", True, f"few{len(texts.texts)}"
    )

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1, "texts")
        return few

    monkeypatch.setattr(datasets, "load", load)
    ended({"mode": mode, "checkpoint": "base"})


NOWHERE = ["--checkpoint", "nowhere"]  # else some of them would train for minutes, or download
COMMANDS = [
    ["train", *NOWHERE],
    ["pretrain", "--vectors", "nowhere"],
    ["find-rate", *NOWHERE],
    ["compare", *NOWHERE],
    ["resume"],
    ["code"],
    ["predict"],
    ["export"],
    ["export-experiment"],
    ["import"],
    ["predict", "--checkpoint"],
    ["resume", "--json"],
    ["train", *NOWHERE, "--name"],
    ["export-data"],
    ["export", "base"],
    ["compare", *NOWHERE, "--modes"],
    ["compare", *NOWHERE, "--seeds"],
    ["train", "--checkpoint"],
]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to a relative path lands in a folder of the test."""
    monkeypatch.chdir(tmp_path)


@given(
    st.sampled_from(COMMANDS),
    st.lists(st.sampled_from([*ODD_TEXTS, "--seed", "--vectors", "--to", *NUMBERS]), max_size=3),
)
@examples(80)
def test_the_command_line_answers_with_a_status(
    elsewhere: None, command: list[str], words: list[str]
) -> None:
    try:
        assert main([*command, *words]) in (0, 1)
    except SystemExit as error:  # of argparse, which has said what it takes
        assert error.code in (0, 2)


LETTERS = st.text(st.characters(exclude_categories=[]), max_size=200)


@given(st.one_of(LETTERS, st.sampled_from(ODD_TEXTS), st.text().map(lambda one: one * 500)))
@examples(150)
def test_any_text_is_answered_and_shown(text: str) -> None:
    if not paths.checkpoints_dir().exists():
        small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    found = accepted(lambda: prediction.predict("base", [text]))
    assert (found is None) == (not text.strip())
    for answer in found or []:
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        shown = html_fragments.token_list(answer.tokens, answer.known, answer.gap) + answer.label
        assert "<script" not in shown and "\n" not in escaping.escape_markdown(text)
    config = accepted(lambda: FineTuneConfig(watch=text))
    assert config is None or all(config.watched)
