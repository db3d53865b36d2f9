import torch
from hypothesis import given, strategies as st

from ftcore.text import batches
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.text.vocabulary import PAD


def packed(texts: list[list[int]]) -> Tokens:
    offsets = torch.tensor([0] + [len(text) for text in texts]).cumsum(0)
    ids = torch.tensor([token for text in texts for token in text], dtype=torch.int32)
    return Tokens(ids, offsets, torch.zeros(len(texts), dtype=torch.int64))


def test_a_batch_holds_its_texts_cut_and_padded() -> None:
    tokens = packed([[5, 6, 7], [8], [9, 10, 11, 12, 13]])
    ids, lengths = tokens.batch(torch.tensor([2, 1]), Truncation(4))
    assert ids.tolist() == [[9, 10, 11, 12], [8, PAD, PAD, PAD]]
    assert lengths.tolist() == [4, 1]


def test_batches_have_few_widths_and_the_longest_text_may_be_told() -> None:
    texts = [list(range(2, 2 + size)) for size in (5, 17, 40, 300)]
    tokens = packed(texts)
    widths = [tokens.batch(torch.tensor([row]), Truncation(250))[0].shape[1] for row in range(4)]
    assert widths == [16, 32, 48, 250]
    rows = torch.tensor([0, 1])
    for told, found in zip(
        tokens.batch(rows, Truncation(250), longest=17),
        tokens.batch(rows, Truncation(250)),
        strict=True,
    ):
        assert told.equal(found)


def test_placed_batches_are_the_same() -> None:
    order = [torch.tensor([3, 1]), torch.tensor([2]), torch.tensor([0, 5, 4])]
    moved = batches.move_to(order, torch.device("cpu"))
    assert [one.tolist() for one in moved] == [one.tolist() for one in order]


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    length=st.integers(1, 12),
    tail=st.floats(0, 1),
)
def test_of_a_longer_text_its_start_and_its_end_are_read(
    sizes: list[int], length: int, tail: float
) -> None:
    texts = [[100 * row + place for place in range(size)] for row, size in enumerate(sizes, 1)]
    window = Truncation(length, tail)
    ids, lengths = packed(texts).batch(torch.arange(len(texts)), window)
    for text, row, count in zip(texts, ids.tolist(), lengths.tolist(), strict=True):
        assert row[:count] == window.cut(text)
        assert set(row[count:]) <= {PAD}
        if len(text) > length:
            assert (
                window.cut(text) == text[: window.head] + text[window.head - length or len(text) :]
            )


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=200),
    batch_size=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_an_epoch_takes_each_row_once(lengths: list[int], batch_size: int, seed: int) -> None:
    rows = torch.arange(len(lengths)) * 2  # not all texts of the dataset train
    of_all = torch.tensor([length for length in lengths for _ in range(2)])
    epoch = batches.shuffled_batches(of_all, rows, batch_size, torch.Generator().manual_seed(seed))
    assert sorted(torch.cat(epoch).tolist()) == rows.tolist()
    assert all(len(batch) <= batch_size for batch in epoch)
    assert len(epoch) == -(-len(rows) // batch_size)


def test_batches_are_of_similar_length_and_differ_by_epoch_and_seed() -> None:
    lengths = torch.randint(1, 256, (4000,), generator=torch.Generator().manual_seed(0))
    rows = torch.arange(4000)
    shuffle = torch.Generator().manual_seed(0)
    first = batches.shuffled_batches(lengths, rows, 32, shuffle)
    second = batches.shuffled_batches(lengths, rows, 32, shuffle)
    again = batches.shuffled_batches(lengths, rows, 32, torch.Generator().manual_seed(0))
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in first)
    assert padded / int(lengths.sum()) < 1.1
    assert torch.cat(first).tolist() == torch.cat(again).tolist()
    assert torch.cat(first).tolist() != torch.cat(second).tolist()
    starts = [float(lengths[batch].float().mean()) for batch in first]
    assert starts != sorted(starts)


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=60), tokens=st.integers(1, 2000))
def test_sorted_batches_take_each_row_once_within_their_tokens(
    lengths: list[int], tokens: int
) -> None:
    of_all = torch.tensor(lengths)
    found = list(batches.sorted_batches(of_all, torch.arange(len(lengths)), tokens))
    assert sorted(torch.cat(found).tolist()) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * int(of_all[b].max()) <= tokens for b in found)
    longest = [int(of_all[b].max()) for b in found]
    assert longest == sorted(longest, reverse=True)
