"""What labels teach: which texts the model is least sure of, and what choosing has bought so far."""

from collections.abc import Mapping, Sequence

import numpy as np

from ftcore.active_learning import curve, head
from ftcore.active_learning.arms import Ledger
from ftcore.active_learning.curve import Point
from ftcore.active_learning.head import Head, Scale

MOST_RANKED = 500  # texts, the least sure first: more than are labelled until the next ranking
Labels = Mapping[int, tuple[str, ...]]


class Learner:
    """Heads on the vectors of texts, of which some may still be missing."""

    def __init__(self, candidates: np.ndarray) -> None:
        """`candidates`: bool [texts], whether a text may be chosen."""
        self._candidates = candidates.copy()
        self._has_vector = np.zeros(len(candidates), bool)
        self._vectors = np.zeros((0, 0), np.float32)  # scaled, [texts, dim]
        self._scale: Scale | None = None
        self._heads: dict[int, tuple[int, Head | None, Head | None]] = {}
        self.ranked: Sequence[int] = ()
        """Texts that the model of the chosen arm is least sure of, in this order."""
        self.points: Sequence[Point] = ()
        """The learning curve of both arms."""

    @property
    def vectors(self) -> int:
        """How many texts have a vector."""
        return int(self._has_vector.sum())

    def add(self, texts: np.ndarray, vectors: np.ndarray) -> None:
        """Take the vectors of some texts, fp32 [texts, dim]; the first ones set the scale of all."""
        if self._scale is None:
            self._scale = head.scale_of(vectors)
            self._vectors = np.zeros((len(self._has_vector), vectors.shape[1]), np.float32)
        self._vectors[texts] = self._scale(vectors)
        self._has_vector[texts] = True

    def rank(self, book: Ledger, classes: Sequence[str]) -> None:
        """Learn from the labels of the chosen arm, and rank the texts that have none."""
        model = self._fit({**book.start, **book.chosen}, _numbers(classes))
        self.ranked = self._least_sure(model, book) if model else ()

    def measure(self, book: Ledger, classes: Sequence[str]) -> None:
        """Bring the curve of both arms up to date. A fit is done once for the same labels."""
        numbers = _numbers(classes)
        rows, truth = self._known(book.held_out, numbers)
        points = []
        for size in curve.sizes(book.pairs) if len(rows) else ():
            chosen, random = (
                {**book.start, **dict(list(own.items())[:size])}
                for own in (book.chosen, book.random)
            )
            labels = hash((tuple(chosen.items()), tuple(random.items()), self.vectors))
            if self._heads.get(size, (0,))[0] != labels:
                heads = [self._fit(each, numbers) for each in (chosen, random)]
                self._heads[size] = (labels, heads[0], heads[1])
            _, of_chosen, of_random = self._heads[size]
            if of_chosen and of_random:
                answers = (each.answers(self._vectors[rows]) for each in (of_chosen, of_random))
                points.append(curve.point(len(book.start) + size, truth, *answers))
        self.points = points

    def _fit(self, labelled: Labels, numbers: Mapping[str, int]) -> Head | None:
        rows, truth = self._known(labelled, numbers)
        return head.fit(self._vectors[rows], truth) if len(rows) else None

    def _known(self, labelled: Labels, numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """The labelled texts that have a vector, and the numbers of their classes."""
        texts = np.fromiter(labelled, np.int64, len(labelled))
        truth = np.array([numbers[label[0]] for label in labelled.values()], np.int64)
        kept = self._has_vector[texts]
        return texts[kept], truth[kept]

    def _least_sure(self, model: Head, book: Ledger) -> list[int]:
        free = self._candidates & self._has_vector
        free[list(book.done)] = False
        texts = np.flatnonzero(free)
        doubt = model.doubt(self._vectors[texts])
        if len(texts) > MOST_RANKED:
            best = np.argpartition(doubt, -MOST_RANKED)[-MOST_RANKED:]
            texts, doubt = texts[best], doubt[best]
        return texts[np.argsort(-doubt, kind="stable")].tolist()


def _numbers(classes: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(classes)}
