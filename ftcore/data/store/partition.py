"""The split of texts into training, validation and test: by seed, by class, groups kept together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

SHARE = 0.1  # of the texts, for each part that is drawn
UNLABELLED = -1  # stands for a class in texts of no label


def draw(
    units: np.ndarray, labels: Sequence[Sequence[int]], parts: Sequence[str], seed: int
) -> dict[str, np.ndarray]:
    """Draw rows for each of `parts`, one or more, such as test and validation; the others are for training.

    units: [rows] what stays in one part, as numbers: the group of a text, or the text itself.
    labels: of each row, as numbers; one, or any number of them.

    Each class gives a tenth of its texts, at least one where training keeps one, which a unit that holds
    several texts may exceed. After the stratified draw of Sechidis et al. 2011, unit by unit.
    """
    order, bounds = _by_unit(units)

    def count(unit: int) -> Counter[int]:
        rows = order[bounds[unit] : bounds[unit + 1]].tolist()
        return Counter(c for row in rows for c in labels[row] or (UNLABELLED,))

    left = Counter(c for each in labels for c in each or (UNLABELLED,))  # what training would keep
    needs = [_needs(left, place) for place in range(len(parts))]
    wanted = [set(need) for need in needs]
    training, sizes = len(parts), np.diff(bounds)
    chosen = np.full(len(sizes), training)
    sequence = np.random.default_rng(seed).permutation(len(sizes))
    for unit in sequence.tolist():
        if not any(need.total() for need in needs):
            break
        texts = count(unit)
        value, place = max((_value(texts, need), -place) for place, need in enumerate(needs))
        if value > 0 and _can_leave(texts, left):
            _move(texts, left, needs[-place])
            chosen[unit] = -place
    for place, need in enumerate(needs):
        present = {c for unit in np.flatnonzero(chosen == place).tolist() for c in count(unit)}
        missing = wanted[place] - present
        if not missing:
            continue
        free = sequence[chosen[sequence] == training]
        for unit in free[np.argsort(sizes[free], kind="stable")].tolist():  # the smallest first
            texts = count(unit)
            if texts.keys() & missing and _can_leave(texts, left):
                _move(texts, left, need)
                chosen[unit] = place
                missing -= texts.keys()
    of_row = np.empty(len(units), np.int64)
    of_row[order] = np.repeat(chosen, sizes)
    return {part: np.flatnonzero(of_row == place) for place, part in enumerate(parts)}


def joined_units(*keys: np.ndarray) -> np.ndarray:
    """Return a number for each row that rows share if they share a key of any kind, or are linked by such.

    keys: [rows] numbers, such as that of the text and that of the group.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = [np.unique(key, return_inverse=True)[1] for key in keys]
    if len(numbers) == 1:
        return numbers[0]
    rows = np.arange(len(numbers[0]))
    starts = np.cumsum([len(rows), *(number.max(initial=-1) + 1 for number in numbers)])
    ends = np.concatenate([n + start for n, start in zip(numbers, starts[:-1], strict=True)])
    edges = (np.ones(len(ends), np.int8), (np.tile(rows, len(keys)), ends))
    graph = coo_array(edges, shape=(starts[-1], starts[-1]))
    return connected_components(graph, directed=False)[1][: len(rows)]


def _by_unit(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by unit, and where each unit begins among them, with the end."""
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=np.nan))
    return order, np.append(starts, len(units))


def _needs(classes: Counter[int], place: int) -> Counter[int]:
    """Return the texts of each class that a part needs: of two texts, the first part gets one."""
    return Counter(
        {c: max(1, round(SHARE * size)) for c, size in classes.items() if size > place + 1}
    )


def _value(count: Counter[int], need: Counter[int]) -> int:
    """How many of a unit's texts a part needs, less those that it does not need."""
    return sum(min(size, 2 * need[c] - size) for c, size in count.items())


def _can_leave(count: Counter[int], left: Counter[int]) -> bool:
    """Whether training keeps a text of each class without a unit."""
    return all(size < left[c] for c, size in count.items())


def _move(count: Counter[int], left: Counter[int], need: Counter[int]) -> None:
    left.subtract(count)
    for c, size in count.items():
        need[c] = max(0, need[c] - size)
