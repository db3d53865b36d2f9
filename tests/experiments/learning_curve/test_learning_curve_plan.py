"""Plans of learning curves: which runs there are, in which order, with which settings."""

import pytest

from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.experiments.learning_curve import plan
from ftcore.modes import mode_defaults
from tests.helpers import own_data

SETTINGS = {"checkpoint": "starter"}


def order(configs):
    return [(config.mode, config.limit, config.seed) for config in configs]


def test_every_mode_runs_on_every_size_with_every_seed_and_the_majority_once():
    configs = plan.plan(SETTINGS, ["full", "last-layer"], [50, 0], [3, 5])
    modes = ["full", "last-layer", "tfidf", "linear-probe"]
    expected = [(mode, size, seed) for seed in (3, 5) for size in (50, 0) for mode in modes]
    expected.insert(4, ("majority", 50, 3))
    assert order(configs) == expected
    assert configs[0].name == "Full · sample · 50 texts · seed 3"
    assert configs[5].name == "Full · sample · all texts · seed 3"
    assert not any(config.keep_model or config.evaluations for config in configs[:2])


def test_large_sizes_may_run_with_the_first_seed_alone():
    planned = plan.plan(SETTINGS, ["full"], [50, 100, 0], [0, 1, 2], False, one_seed_from=100)
    sizes = {seed: [run.limit for run in planned if run.seed == seed] for seed in (0, 1, 2)}
    assert sizes == {0: [50, 100, 0], 1: [50], 2: [50]}
    planned = plan.plan(SETTINGS, ["full"], [50, 100, 0], [0, 1], False, one_seed_from=0)
    assert [run.limit for run in planned if run.seed == 1] == [50, 100]


def test_modes_take_their_own_defaults_unless_values_are_given():
    full, last, more = plan.plan(SETTINGS, ["full", "last-layer"], [400, 3_400], [0], False)[:3]
    usual = FineTuneConfig(mode="last-layer")
    assert (last.epochs, last.batch_size) == (usual.epochs, usual.batch_size)
    assert (full.epochs, more.epochs) == (20, 4)  # 3 epochs of 400 texts are 21 steps
    assert full.learning_rate == mode_defaults("full").learning_rate
    given = SETTINGS | {"epochs": 2, "keep_model": True}
    full, last = plan.plan(given, ["full", "last-layer"], [400, 800], [0], False)[:2]
    assert (full.epochs, last.epochs, last.keep_model) == (2, 2, True)


def test_sizes_are_read_in_order_and_once():
    assert plan.parse_sizes("all, 50,25,50") == [25, 50, 0]


@pytest.mark.parametrize("sizes", ["100", "100,100", "", "0,50", "-5,50", "ten,20", "1e3,20"])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(UnfreezeError, match="number"):
        plan.parse_sizes(sizes)


def test_texts_for_validation_are_no_training_texts(tmp_path):
    card = own_data.add_reviews(tmp_path, name="mine")
    train = card.sizes["train"]
    assert len(plan.plan({"dataset": "mine"}, ["full"], [50, train], [0], references=False)) == 2
    with pytest.raises(UnfreezeError, match=f"^The dataset .* has {train} training texts: "):
        plan.plan({"dataset": "mine"}, ["full"], [50, train + 1], [0])
    with pytest.raises(UnfreezeError, match="has 23,750 training texts"):
        plan.plan({"dataset": "imdb"}, ["full"], [50, 25_000], [0])


def test_more_texts_than_there_are_are_refused_unless_they_come_from_files():
    with pytest.raises(UnfreezeError, match=r"training texts: give smaller numbers, or all"):
        plan.plan(SETTINGS, ["full"], [50, 10**6], [0])
    settings = SETTINGS | {"dataset": "imdb", "source": "reviews"}
    assert len(plan.plan(settings, ["full"], [50, 10**6], [0], references=False)) == 2
