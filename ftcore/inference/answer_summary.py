"""What a file of answers says in short: how many rows have each label, and which answers are least sure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore import answers as answering

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHOWN = 50  # of the least sure answers
CLOSE = 0.1
"""An uncalibrated answer of one label is unsure if a smaller change of its probabilities gives another."""
PROBABILITY = "probability_"  # begins the names of the columns of probabilities


@dataclass(frozen=True)
class Summary:
    """A file of answers in short.

    Attributes:
        labels: how many rows have each, the commonest first.
        left_out: rows without an answer.
        unsure: how many answers are not sure: by the sets of a calibrated model, by `answers.not_sure` where
            a text may have several labels, else by CLOSE.
        calibrated, several: which of these it is.
        least_sure: rows of the file with all their columns, the least sure first.
    """

    rows: int
    labels: dict[str, int]
    left_out: int
    unsure: int
    calibrated: bool
    several: bool
    least_sure: tuple[dict[str, object], ...]


def summarize(file: Path, thresholds: Sequence[float] = ()) -> Summary:
    """Read a Parquet file of answers in batches. `thresholds` are those of a model of several labels."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    labels, rows, left_out, unsure = Counter[str](), 0, 0, 0
    kept: pa.Table | None = None
    with file.open("rb") as source:
        answers = parquet.ParquetFile(source)
        calibrated = "set" in answers.schema_arrow.names
        least_margin = np.log(answering.CLOSE_ODDS) if thresholds else CLOSE
        for batch in answers.iter_batches(4096):
            answered = batch.filter(pc.is_valid(batch["label"]))
            rows, left_out = rows + len(batch), left_out + len(batch) - len(answered)
            labels.update(answered["label"].to_pylist())
            margins = _margins(answered, thresholds)
            close = (
                answered["not_sure"].to_numpy(zero_copy_only=False)
                if calibrated
                else margins < least_margin
            )
            unsure += int(np.sum(close))
            least = np.argsort(margins, kind="stable")[:MOST_SHOWN]
            table = pa.Table.from_batches([answered.take(least)]).append_column(
                "margin", pa.array(margins[least])
            )
            kept = table if kept is None else pa.concat_tables([kept, table])
            kept = kept.sort_by([("margin", "ascending"), ("row", "ascending")]).slice(
                0, MOST_SHOWN
            )
    least_sure = kept.drop_columns("margin").to_pylist() if kept is not None else []
    return Summary(
        rows,
        dict(labels.most_common()),
        left_out,
        unsure,
        calibrated,
        bool(thresholds),
        tuple(least_sure),
    )


def _margins(answers: "pa.RecordBatch", thresholds: Sequence[float]) -> np.ndarray:
    """By how much the probabilities of each answer must change at least to give another one [rows].

    In points; of several labels, see `answers.distances`.
    """
    names = [name for name in answers.schema.names if name.startswith(PROBABILITY)]
    shares = np.stack([answers[name].to_numpy() for name in names], 1)
    if thresholds:
        return answering.distances(shares, thresholds)
    best = np.sort(shares, 1)[:, -2:]
    return (best[:, 1] - best[:, 0]) / 2
