"""The command `learning-curve`, from its options to the exported experiment."""

import json
import shlex

import numpy as np
import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.data import test_part
from ftcore.experiments import archive, catalog
from ftcore.models import checkpoints
from tests.helpers import small_runs

CURVE = "learning-curve --json --checkpoint base --max-length 16 --device cpu --epochs 1"


@pytest.fixture(autouse=True)
def base():
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def run(arguments, capsys):
    """The exit status of a command, and its JSON lines."""
    status = main(shlex.split(arguments))
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.slow
def test_a_curve_is_trained_reported_and_exported_without_models(capsys, tmp_path):
    status, [*_, last] = run(
        f"{CURVE} --modes last-layer,majority --sizes 40,20 --seeds 0,1 --one-seed-from 40 "
        f"--test-limit 100 --export {tmp_path / 'out'}",
        capsys,
    )
    assert status == 0 and last["status"] == "finished"
    points = [(point["mode"], point["size"], point["seed"]) for point in last["points"]]
    networks = [("last-layer", size, seed) for size, seed in ((20, 0), (40, 0), (20, 1))]
    assert points == [networks[0], ("majority", 20, 0), *networks[1:]]
    assert all(0 <= point["test_accuracy"] <= 1 for point in last["points"])
    assert "With 40 texts Last layer reaches" in last["sentence"] and last["crossings"] == []
    assert [each["seeds"] for each in last["curves"][0]["points"]] == [[0, 1], [0]]

    results = catalog.load(last["experiment"])
    assert len({result.run.facts["dataset_fingerprint"] for result in results}) == 1
    assert {len(result.diagnostics.truth) for result in results} == {100}
    assert not any(checkpoints.run_path(result.run.run_id).exists() for result in results)
    assert catalog.experiments()["kind"][0] == "learning curve"

    exported = archive.read(tmp_path / "out")
    assert [each.test_accuracy for each in exported] == [each.test_accuracy for each in results]
    for before, after in zip(results, exported, strict=True):
        np.testing.assert_array_equal(before.correct, after.correct)
    files = [file.stat().st_size for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert sum(files) < 8_000 * len(results)


@pytest.mark.slow
def test_an_interrupted_curve_goes_on_with_its_own_command(capsys):
    for limit in (20, 40):
        settings = {"checkpoint": "base", "mode": "majority", "limit": limit}
        small_runs.run("interrupted", saved=False, experiment="half", **settings)
    assert main(["compare", "--resume", "half"]) == 2
    assert "learning-curve --resume half" in capsys.readouterr().err
    assert main(["learning-curve", "--resume", "half", "--sizes", "20,40"]) == 2
    assert "omit --sizes" in capsys.readouterr().err
    small_runs.run("interrupted", saved=False, experiment="pair", checkpoint="base")
    assert main(["learning-curve", "--resume", "pair"]) == 2
    assert "compare --resume pair" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--sizes 20", "two numbers of texts"),
        ("--sizes 20,x", "whole number"),
        ("--one-seed-from many", "whole number"),
        ("--modes half", "half"),
        ("--seeds a", "whole numbers"),
        ("--limit 20", "unrecognized"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(arguments, sentence, capsys):
    try:
        status = main(shlex.split(f"learning-curve --checkpoint base {arguments}"))
    except SystemExit as end:
        status = end.code
    assert status == 2 and sentence in capsys.readouterr().err
    assert tracking.runs().empty


def test_test_texts_are_drawn_once_and_in_order():
    rows = test_part.rows(1_000, 50)
    assert len(set(rows)) == 50 and list(rows) == sorted(rows)
    assert list(rows) == list(test_part.rows(1_000, 50)) and rows.max() > 500
    assert list(test_part.rows(3, 50)) == [0, 1, 2]
