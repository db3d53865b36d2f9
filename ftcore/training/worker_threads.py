"""Threads that compute batches side by side on a CPU, each with a share of its cores.

A matrix product on all cores waits for the slowest of them; on a busy machine that is most of its time. Two
threads that share a model's weights never wait for each other inside an operation (docs/performance.md).
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

COUNT = 2  # the order in which two gradients are added does not matter: a + b is b + a
Map = Callable[..., Iterable[Any]]


def useful(device: torch.device) -> bool:
    """Whether there is a core for each thread."""
    return device.type == "cpu" and torch.get_num_threads() >= COUNT


@contextmanager
def side_by_side(wanted: bool) -> Iterator[Map]:
    """Give a function like `map` that calls its function in COUNT threads, results in order.

    If it is not `wanted`, it is `map`.
    """
    if not wanted:
        yield map
        return
    all_cores = torch.get_num_threads()
    ready = threading.Barrier(COUNT)

    def take_share(_: int) -> None:
        torch.get_num_threads()  # a thread's first call takes the default
        torch.set_num_threads(all_cores // COUNT)
        ready.wait()

    executor = ThreadPoolExecutor(COUNT, "batches")
    try:
        list(executor.map(take_share, range(COUNT)))
        torch.set_num_threads(all_cores)  # setting it in a thread is also the default of later ones
        yield partial(_results, executor)
    finally:
        executor.shutdown()


def _results(
    executor: ThreadPoolExecutor, function: Callable[..., Any], *arguments: Iterable[Any]
) -> Iterator[Any]:
    """The results in order. After an error, or if no more are wanted, waits for what has begun."""
    futures = deque(executor.submit(function, *each) for each in zip(*arguments, strict=True))
    try:
        while futures:
            yield futures.popleft().result()  # kept no longer than its consumer does
    finally:
        for future in futures:
            future.cancel()
        wait(futures)
