"""What is checked before a run is queued: paths that no run would read, or not in this form."""

import pytest

from ftcore import paths, tracking, validation
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError, UsageError
from ftcore.experiments import plan
from ftcore.runs.checks import check_config, refuse_unused_paths
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.dataset_files import REVIEWS, csvs, folder


@pytest.fixture(autouse=True)
def base():
    """Checkpoints that learned AG News and IMDB."""
    folder = paths.checkpoints_dir()
    small_runs.checkpoint(folder / "base", "base")
    small_runs.checkpoint(folder / "film", "film", ("negative", "positive"), "imdb")
    small_runs.checkpoint(folder / "other", "other", ("a", "b"), "imdb")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"source": "."}, "^The dataset .* takes no source"),
        ({"mode": "majority", "source": "."}, "takes no source"),
        ({"vectors": "."}, "omit them"),
        ({"mode": "tfidf", "vectors": "."}, "omit them"),
        ({"checkpoint": "film", "dataset": "imdb", "source_task_data": "."}, "not measured"),
        ({"checkpoint": "other", "source_task_data": "."}, "not measured"),
        ({"mode": "scratch", "source_task_data": "."}, "not measured"),
        ({"mode": "linear-probe", "source_task_data": "."}, "not measured"),
        ({"checkpoint": "new", "source_task_data": "."}, "not measured"),
    ],
)
def test_path_that_no_run_reads_is_refused_at_every_door(values, message):
    config = FineTuneConfig.from_dict({"checkpoint": "base"} | values)
    for refuse in (refuse_unused_paths, scheduler.submit, lambda config: plan.submit([config])):
        with pytest.raises(UsageError, match=message):
            refuse(config)
    assert tracking.runs().empty


def test_path_that_one_run_of_an_experiment_reads_is_not_refused():
    settings = {"checkpoint": "base", "source_task_data": "."}
    refuse_unused_paths(*plan.plan(settings, ["full", "scratch"], [0]))
    with pytest.raises(UsageError, match="not measured"):
        refuse_unused_paths(*plan.plan(settings, ["scratch"], [0]))
    refuse_unused_paths(*plan.plan({"checkpoint": "new", "vectors": "."}, ["full"], [0]))


def test_data_in_another_form_is_refused_before_a_run(tmp_path):
    news, reviews = csvs(tmp_path / "news"), folder(tmp_path / "a" / "aclImdb", REVIEWS)
    (news / "my_news.csv").write_text('"4","MY OWN","FILE"\n')
    for dataset, source, message in (
        ("ag_news", news / "my_news.csv", r"my_news\.csv is one file.*train\.csv and test\.csv"),
        ("ag_news", reviews, r"has no train\.csv"),
        ("imdb", news, "has no reviews in aclImdb/train/neg"),
    ):
        with pytest.raises(UnfreezeError, match=message):
            check_config(small_runs.config(dataset=dataset, source=str(source)))
        with pytest.raises(UnfreezeError, match=message):
            checkpoint, other = ("base", "imdb") if dataset == "ag_news" else ("film", "ag_news")
            data = {"checkpoint": checkpoint, "dataset": other, "source_task_data": str(source)}
            check_config(small_runs.config(**data))
    with pytest.raises(UnfreezeError, match="is a folder: give a file in it"):
        check_config(FineTuneConfig(checkpoint="new", vectors=str(news)))
    for dataset, source in (("ag_news", news), ("ag_news", news / "test.csv"), ("imdb", tmp_path)):
        check_config(small_runs.config(dataset=dataset, source=str(source)))


def test_home_is_spelled_alike_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    csvs(tmp_path / "news")
    check_config(small_runs.config(dataset="ag_news", source="~/news"))
    assert validation.expand_home("~/news") == tmp_path / "news"
    assert str(validation.expand_home("~no-such-user/x")) == "~no-such-user/x"
    monkeypatch.setenv("UNFREEZE_HOME", "~/my home")
    assert paths.home() == tmp_path / "my home"
