"""Which models of an experiment go into its page, and what stands above them."""

from ftcore import paths
from ftcore.experiments import takeaway, verdict
from tests.helpers import fake_results, small_runs


def test_the_first_kept_seed_of_each_network_goes_the_most_accurate_mode_first():
    modes = ("last-layer", "full", "gradual", "tfidf")
    results = fake_results.experiment(modes, seeds=(0, 1))
    assert takeaway.models(results) == []
    for ref in ("last-layer-0", "last-layer-1", "full-1", "tfidf-0"):
        small_runs.checkpoint(paths.checkpoints_dir() / ref, ref)
    assert takeaway.models(results) == ["full-1", "last-layer-0"]
    heading = takeaway.heading(results)
    assert heading.verdict == verdict.summary(results)
    assert list(heading.examples) == list(fake_results.SENTENCES)
