"""Odd settings and texts, from the form and the command line: used, or refused with one sentence.

What is accepted ends as a run that finished, or failed for a reason that is told.
"""

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from ftcore import tracking
from ftcore.__main__ import main
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.data import datasets
from ftcore.modes import MODES
from ftcore.runs import execution
from ftcore.runs.checks import check_config
from ftcore.settings import choices
from tests.helpers import small_runs
from tests.helpers.fuzzing import ODD_TEXTS, ODD_VALUES, accepted, examples

NUMBERS = ["0", "-0", "1", "1e3", "1e400", "\u0661", "1_000", " 3 ", "0x10", "1.5", "9" * 5000]
NUMBERS += ["inf", "-nan"]
# The ends of each range and all choices, and names of what exists and what does not.
VALID: dict[str, Any] = {
    name: choices(setting) or [setting.metadata["low"], setting.metadata["high"]]
    for name, setting in SETTINGS.items()
    if choices(setting) or setting.metadata["high"] is not None
}
VALID |= {
    "epochs": [1, 2],
    "steps": [0, 3],
    "minutes": [0.0, 0.005],
    "batch_size": [1, 7, 4096],
    "max_length": [8, 4096],
}
VALID |= {
    "limit": [1, 2, 10**7],
    "mode": [*MODES, "last-2", "last-3", "last-99"],
    "groups": ["head", "layer 1", "head, word vectors", "x"],
    "checkpoint": ["base", "new", "nowhere", ""],
    "dataset": [*datasets.names(), "other"],
    "device": ["cpu", "cuda", "x"],
    "watch": ["a\n\n \nb", *ODD_TEXTS],
    "train_embeddings": [True],
}


@given(st.sampled_from([*SETTINGS.values()]), st.sampled_from([*ODD_VALUES, *ODD_TEXTS, *NUMBERS]))
@examples(400)
def test_any_value_of_any_setting_is_used_or_refused(setting, value):
    config = accepted(lambda: FineTuneConfig.from_dict({setting.name: value}))
    if config is None:
        return
    stored = config.to_dict()
    assert FineTuneConfig.from_dict(json.loads(json.dumps(stored))) == config
    json.dumps(stored, ensure_ascii=False, allow_nan=False).encode()
    for name, other in SETTINGS.items():
        allowed = choices(other)
        if name == "pooling" and not config.encoder:
            assert stored[name] == ""
            continue
        assert stored[name] in allowed if allowed else type(stored[name]) is other.type


@given(
    st.lists(st.sampled_from(sorted(VALID)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: st.sampled_from(VALID[name]) for name in names})
    )
)
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
def test_what_is_accepted_ends_as_a_run_with_its_reason(values):
    def run() -> tracking.Run:
        config = small_runs.config(**{"epochs": 1} | values)
        check_config(config)
        run_id = tracking.create_run(config)
        for _ in execution.execute(run_id):
            pass
        return tracking.run(run_id)

    with pytest.MonkeyPatch.context() as patch:
        small_runs.small_sample(patch)
        if ended := accepted(run):
            assert ended.status in ("finished", "failed")
            assert ended.message and "unexpected" not in ended.message
            assert tracking.runs().iloc[0]["status"] == ended.status  # so its record can be read


NOWHERE = "--checkpoint nowhere"  # else some of them would train for minutes, or download
COMMANDS = [f"{command} {NOWHERE}" for command in ("train", "find-rate", "compare", "train --name")]
COMMANDS += [f"compare {NOWHERE} {option}" for option in ("--modes", "--seeds")]
COMMANDS += ["pretrain --vectors nowhere", "resume", "resume --json", "code", "predict", "export"]
COMMANDS += ["export-experiment", "import", "predict --checkpoint", "export-data", "export base"]
COMMANDS += ["train --checkpoint"]


@given(
    st.sampled_from(COMMANDS),
    st.lists(st.sampled_from([*ODD_TEXTS, "--seed", "--vectors", "--to", *NUMBERS]), max_size=3),
)
@examples(80)
def test_the_command_line_answers_with_a_status(tmp_path_factory, command, words):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())  # relative paths are written here
        try:
            assert main([*command.split(), *words]) in (0, 1, 2)
        except SystemExit as error:  # of argparse
            assert error.code in (0, 2)
