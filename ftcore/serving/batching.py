"""Micro-batching: texts of all requests that wait are answered together, in batches of similar length.

Two threads work beside the event loop: one splits texts into tokens, one computes scores. What arrives while
a round is computed is in the next one, so that a busy endpoint needs no waiting to fill its batches.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.inference import prediction
from ftcore.inference.text_model import TextModel
from ftcore.text.batches import Tokens

GATHER_SECONDS = 0.002
"""How long an idle endpoint waits for more texts before it computes."""
ROUND_TOKENS = 2_048
"""Of the texts of a round: a sentence waits for no more than that of a long list beside it."""
LEAST_FILL = 0.7
"""Of a batch: a text that is shorter than this share of the longest begins another one."""


@dataclass(frozen=True)
class Scored:
    """What the model gives for the texts of a request, and what it read."""

    scores: np.ndarray
    """fp32 [texts, classes]."""
    lengths: np.ndarray
    """Tokens of each text, without special ones, int64 [texts]."""
    unknown: int
    """Tokens among them that the vocabulary lacks."""


@dataclass(eq=False)
class _Waiting:
    """A request; `order` are the rows that are not computed yet, shortest texts first."""

    ids: list[np.ndarray]
    order: list[int]
    scores: np.ndarray
    left: int
    done: "asyncio.Future[None]" = field(repr=False)


class Batcher:
    """Answers requests with one model. Use as a context manager in the loop that calls `score`."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._reading = ThreadPoolExecutor(1, "tokens")
        self._computing = ThreadPoolExecutor(1, "scores")

    async def __aenter__(self) -> "Batcher":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._reading.shutdown()
        self._computing.shutdown()

    @property
    def waiting(self) -> int:
        """Texts that are not computed yet."""
        return sum(len(request.order) for request in self._waiting)

    async def score(self, texts: list[str]) -> Scored:
        """Return scores in the order of the texts; a caller that is cancelled leaves nothing behind."""
        loop = asyncio.get_running_loop()
        ids = await loop.run_in_executor(self._reading, self._read, texts)
        lengths = np.array([len(each) for each in ids], np.int64)
        scores = np.zeros((len(ids), len(self._model.labels)), np.float32)
        if ids:
            order = np.argsort(lengths, kind="stable").tolist()
            request = _Waiting(ids, order, scores, len(ids), loop.create_future())
            self._waiting.append(request)
            self._arrived.set()
            try:
                await request.done
            finally:
                request.order.clear()
        return Scored(scores, lengths, self._unknown(ids))

    def _unknown(self, ids: list[np.ndarray]) -> int:
        unknown = self._model.tokenizer.unknown
        return 0 if unknown is None else sum(int((each == unknown).sum()) for each in ids)

    async def _run(self) -> None:
        """Compute rounds, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                await asyncio.sleep(GATHER_SECONDS)
            if not (chosen := self._choose()):
                continue
            texts = [request.ids[row] for request, row in chosen]
            try:
                scores = await loop.run_in_executor(self._computing, self._compute, texts)
            except Exception as error:
                for request in dict.fromkeys(request for request, _ in chosen):
                    request.order.clear()
                    if not request.done.done():
                        request.done.set_exception(error)
                continue
            for (request, row), of_text in zip(chosen, scores, strict=True):
                request.scores[row] = of_text
                request.left -= 1
                if not request.left and not request.done.done():
                    request.done.set_result(None)

    def _choose(self) -> list[tuple[_Waiting, int]]:
        """The texts of the next round: of all requests in turn, the longest that each has left."""
        chosen: list[tuple[_Waiting, int]] = []
        tokens = 0
        while self._waiting and tokens < ROUND_TOKENS:
            request = self._waiting.popleft()
            if request.order:  # else it is computed, or its caller has left
                row = request.order.pop()
                tokens += min(len(request.ids[row]), self._model.truncation.length)
                chosen.append((request, row))
                self._waiting.append(request)
        return chosen

    def _read(self, texts: list[str]) -> list[np.ndarray]:
        """The ids of each text, int32 [tokens]."""
        tokens = drain(prediction.encode(self._model.tokenizer, texts))
        offsets = tokens.offsets.tolist()
        ids = tokens.ids.numpy()
        return [ids[start:end] for start, end in itertools.pairwise(offsets)]

    def _compute(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        """Scores fp32 [texts, classes], a batch of similar lengths after the other."""
        model, frame = self._model, self._model.tokenizer.frame
        padding = np.array(
            [frame.pad], np.int32
        )  # a batch of empty texts reads it before it is masked
        offsets = np.cumsum([0, *map(len, texts)])
        tokens = Tokens.pack(np.concatenate([*texts, padding]), offsets, [0] * len(texts), frame)
        scores = np.empty((len(texts), len(model.labels)), np.float32)
        for rows in similar(tokens.lengths(model.truncation).numpy()):
            scores[rows] = model.network.scores_of(tokens, rows, model.truncation)
        if not np.isfinite(scores).all():
            raise UnfreezeError(
                f"{model.title} cannot be used: its weights are so large that its scores overflow."
            )
        return scores


def similar(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each text once, longest first, in batches with little padding; lengths [texts]."""
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        longest = lengths[order[0]]
        fitting = lengths[order] >= LEAST_FILL * longest
        size = min(int(fitting.sum()), max(1, ROUND_TOKENS // int(longest)))
        yield order[:size]
        order = order[size:]
