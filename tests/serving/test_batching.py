"""Batches: of similar length, of all callers in turn, and what a caller that leaves takes along."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ftcore.serving import batching
from ftcore.serving.batching import Batcher, similar
from ftcore.text.truncation import Truncation
from tests.helpers.endpoints import Counting, small_model


def run(coroutine):
    """Its result, from a loop in a thread: browser tests leave one running in the main thread."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


def test_texts_of_similar_length_are_computed_together():
    lengths = np.array([10, 100, 9, 80, 1, 100])
    assert [batch.tolist() for batch in similar(lengths)] == [[1, 5, 3], [0, 2], [4]]
    many = np.full(1000, 64)
    assert max(len(batch) * 64 for batch in similar(many)) <= batching.ROUND_TOKENS


def test_scores_come_back_in_the_order_of_the_texts():
    async def ask(network):
        async with Batcher(small_model(network)) as batcher:
            texts = ["good bad film " * number for number in (50, 1, 20, 3)]
            both = await asyncio.gather(batcher.score(texts), batcher.score(["qqq good", ""]))
            assert batcher.waiting == 0
            return both

    first, second = run(ask(Counting()))
    assert first.scores[:, 0].tolist() == [150, 3, 60, 9]
    assert first.lengths.tolist() == [150, 3, 60, 9] and first.unknown == 0
    assert second.scores[:, 0].tolist() == [1, 0] and second.unknown >= 1


def test_a_sentence_does_not_wait_for_a_long_list(monkeypatch):
    monkeypatch.setattr(batching, "ROUND_TOKENS", 100)
    ended = []

    async def ask():
        async with Batcher(small_model(truncation=Truncation(64))) as batcher:

            async def one(name, texts):
                await batcher.score(texts)
                ended.append(name)

            many = asyncio.create_task(one("list", ["good film " * 30] * 40))
            while batcher.waiting == 0:
                await asyncio.sleep(0)
            await asyncio.gather(many, one("sentence", ["good"]))

    run(ask())
    assert ended == ["sentence", "list"]


def test_a_long_list_is_computed_longest_first_so_that_rounds_have_little_padding(monkeypatch):
    monkeypatch.setattr(batching, "ROUND_TOKENS", 12)
    network = Counting()

    async def ask():
        async with Batcher(small_model(network)) as batcher:
            await batcher.score(["good " * number for number in (1, 9, 3, 8, 2, 4)])

    run(ask())
    lengths = [length for batch in network.batches for length in batch]
    assert lengths == [9, 8, 4, 3, 2, 1] and len(network.batches) > 1


def test_what_arrives_together_is_one_batch():
    async def ask(network):
        async with Batcher(small_model(network)) as batcher:
            await asyncio.gather(*(batcher.score(["good film"]) for _ in range(8)))

    network = Counting()
    run(ask(network))
    assert sum(map(len, network.batches)) == 8
    assert len(network.batches) < 8


def test_a_caller_that_leaves_takes_its_texts_along():
    async def ask(network):
        async with Batcher(small_model(network)) as batcher:
            network.open.clear()
            leaving = asyncio.create_task(batcher.score(["good " * 200] * 500))
            while batcher.waiting == 0:
                await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            network.open.set()
            assert batcher.waiting == 0
            return (await batcher.score(["good"])).scores[0, 0]

    network = Counting()
    assert run(ask(network)) == 1
    assert sum(map(len, network.batches)) < 500
