"""Truncation, padding and batches."""

import torch
from hypothesis import given, strategies as st

from ftcore.text import batches
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.text.words import PAD


def pack(texts: list[list[int]]) -> Tokens:
    offsets = torch.tensor([0] + [len(text) for text in texts]).cumsum(0)
    ids = torch.tensor([token for text in texts for token in text], dtype=torch.int32)
    return Tokens(ids, offsets, torch.zeros(len(texts), dtype=torch.int64))


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    length=st.integers(1, 12),
    tail=st.floats(0, 1),
)
def test_start_and_end_of_a_longer_text_are_read(sizes, length, tail):
    texts = [[100 * row + place for place in range(size)] for row, size in enumerate(sizes, 1)]
    truncation = Truncation(length, tail)
    ids, lengths = pack(texts).batch(torch.arange(len(texts)).flip(0), truncation)
    for text, row, count in zip(reversed(texts), ids.tolist(), lengths.tolist(), strict=True):
        read = text
        if len(text) > length:
            read = text[: truncation.head] + text[len(text) - (length - truncation.head) :]
        assert row[:count] == truncation.cut(text) == read
        assert set(row[count:]) <= {PAD}


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=200),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_epoch_takes_each_row_once(lengths, batch_size, seed):
    rows = torch.arange(len(lengths)) * 2  # every other text of the dataset
    all_lengths = torch.tensor(lengths).repeat_interleave(2)
    shuffle = torch.Generator().manual_seed(seed)
    epoch = batches.shuffled_batches(all_lengths, rows, batch_size, shuffle)
    assert sorted(torch.cat(epoch).tolist()) == rows.tolist()
    assert all(len(batch) <= batch_size for batch in epoch)
    assert len(epoch) == -(-len(rows) // batch_size)


def test_batches_have_similar_lengths_and_differ_between_epochs():
    lengths = torch.randint(1, 256, (4000,), generator=torch.Generator().manual_seed(0))
    shuffle = torch.Generator().manual_seed(0)
    first, second = (
        batches.shuffled_batches(lengths, torch.arange(4000), 32, shuffle) for _ in range(2)
    )
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in first)
    assert padded / int(lengths.sum()) < 1.1
    assert not torch.cat(first).equal(torch.cat(second))
    means = [float(lengths[batch].float().mean()) for batch in first]
    assert means != sorted(means)


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=60), tokens=st.integers(1, 2000))
def test_sorted_batches_take_each_row_once_within_their_tokens(lengths, tokens):
    sizes = torch.tensor(lengths)
    order = list(batches.sorted_batches(sizes, torch.arange(len(lengths)), tokens))
    assert sorted(torch.cat(order).tolist()) == list(range(len(lengths)))
    longest = [int(sizes[batch].max()) for batch in order]
    assert longest == sorted(longest, reverse=True)
    for batch, length in zip(order, longest, strict=True):
        assert len(batch) == 1 or len(batch) * length <= tokens
