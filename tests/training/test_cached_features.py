"""Features of frozen bodies: computed once for each text, whichever runs ask for it."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from ftcore import paths
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoint_files
from ftcore.storage import cache
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.training import cached_features
from tests.helpers import small_encoders, small_runs

LENGTHS = [3, 40, 7, 19, 33, 5, 12, 25, 9, 16]
TRUNCATION = Truncation(32, 0.5)


@pytest.fixture
def model():
    base = small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    return checkpoint_files.load_model(base)


@pytest.fixture
def tokens():
    random = np.random.default_rng(0)
    ids = random.integers(2, len(small_runs.WORDS), sum(LENGTHS)).astype(np.int32)
    return Tokens.pack(ids, np.cumsum([0, *LENGTHS]), [0] * len(LENGTHS))


@pytest.fixture
def computed(monkeypatch):
    compute = Mock(wraps=cached_features.compute)
    monkeypatch.setattr(cached_features, "compute", compute)
    return lambda: [call.args[2].tolist() for call in compute.call_args_list]


def load(model, tokens, rows, precision="fp32"):
    arguments = model, tokens, torch.tensor(rows), TRUNCATION, precision
    return drain(cached_features.load_or_compute(*arguments))


def test_a_text_is_computed_once_for_all_runs_and_is_what_it_would_be_alone(
    model, tokens, computed
):
    first, took = load(model, tokens, [1, 4, 6])
    assert took["features_seconds"] > 0 and took["features_kept"] == 0
    again, reused = load(model, tokens, [0, 1, 4, 9])
    assert computed() == [[1, 4, 6], [0, 9]]
    np.testing.assert_array_equal(again[1:3], first[:2])
    rows = torch.arange(len(tokens))
    plain = drain(cached_features.compute(model, tokens, rows, TRUNCATION, "fp32"))
    np.testing.assert_allclose(again, plain[[0, 1, 4, 9]], rtol=1e-5, atol=1e-6)
    assert 0 < reused["features_kept"] < 1
    every, all_kept = load(model, tokens, [0, 1, 4, 6, 9])
    assert len(computed()) == 3 and all_kept["features_kept"] == 1
    np.testing.assert_array_equal(every[[1, 2, 3]], first)
    # What the texts of a run took is the same, whichever run computed them.
    assert load(model, tokens, [1, 4, 6])[1]["features_seconds"] == pytest.approx(
        took["features_seconds"], rel=1e-5
    )


def test_texts_among_others_are_not_computed_again(model, tokens, computed):
    """As in a version of the data from which a text was dropped, and one came in."""
    before, _ = load(model, tokens, list(range(len(LENGTHS))))
    starts = tokens.offsets.tolist()
    parts = [tokens.ids[starts[row] : starts[row + 1]].numpy() for row in (9, 1, 2, 4)]
    parts.append(np.array([5, 3, 4], np.int32))
    lengths = np.cumsum([0, *map(len, parts)])
    others = Tokens.pack(np.concatenate(parts), lengths, [0] * len(parts))
    after, took = load(model, others, list(range(len(parts))))
    assert computed() == [list(range(len(LENGTHS))), [4]]
    np.testing.assert_array_equal(after[:4], before[[9, 1, 2, 4]])
    assert 0 < took["features_kept"] < 1
    load(model, others, [0, 1, 4])
    assert len(computed()) == 2


def test_another_body_precision_or_reading_shares_nothing(model, tokens, computed):
    load(model, tokens, [1, 2])
    load(model, tokens, [1, 2], "bf16")
    with torch.no_grad():
        model.embedding.weight[3] += 1
    load(model, tokens, [1, 2])
    assert computed() == [[1, 2]] * 3


def test_the_mean_and_the_first_token_share_nothing(tokens, tmp_path, computed):
    folder = small_encoders.write_folder(tmp_path / "tiny")
    encoder = checkpoint_files.load_model(drain(huggingface.import_encoder(str(folder))))
    encoder.replace_head(2, "first")
    first, _ = load(encoder, tokens, [1, 2])
    encoder.replace_head(2, "mean")
    mean, _ = load(encoder, tokens, [1, 2])
    assert computed() == [[1, 2]] * 2 and not np.allclose(first, mean)


def test_a_damaged_entry_is_computed_again(model, tokens, computed):
    before, _ = load(model, tokens, [1, 2, 3])
    [name] = [each.name for each in paths.cache_dir().glob("features-*")]
    stored = {key: np.array(array) for key, array in cache.load(name).items()}
    cache.store(name, stored | {"rows": stored["rows"][:2]})
    after, _ = load(model, tokens, [1, 2, 3])
    assert computed() == [[1, 2, 3]] * 2
    np.testing.assert_array_equal(before, after)
