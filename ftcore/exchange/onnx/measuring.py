"""What an exported graph answers, compared with the model itself: labels, probabilities, accuracy, speed."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ftcore import answers as answering
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange.onnx import check_texts
from ftcore.exchange.onnx.runtime import OnnxModel
from ftcore.inference import prediction
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import Classifier
from ftcore.text.batches import Tokens, sorted_batches

TOLERANCE = 1e-5
"""How far a probability in fp32 may be from the model's own."""
LEAST_SAME = {"fp32": 1.0, "int8": 0.99}
"""Share of the compared texts that must get the same label."""
_BATCH_SIZES = (1, 2, 3, 5, 8, 13, 21)  # other ones than those of the model itself
_BATCH_TOKENS = 8_192
_ALONE = 15  # texts that are timed alone


@dataclass(frozen=True)
class Speed:
    """On this machine, by the clock."""

    milliseconds: float
    """A text alone: the median of some."""
    texts_per_second: float
    """The compared texts, in batches by length."""


@dataclass(frozen=True)
class Measured:
    """Figures of an exported model and, named `own_…`, of the model itself in fp32."""

    data: str
    """Title of the dataset whose test texts were read."""
    compared: int
    same: int
    """Texts with the same label."""
    largest_difference: float
    """Of a probability."""
    bytes: int
    own_bytes: int
    speed: Speed
    own_speed: Speed
    tested: int = 0
    accuracy: float | None = None
    """On the tested texts; None where the true labels are unknown."""
    own_accuracy: float | None = None


def measure(checkpoint: Checkpoint, file: Path) -> Task[Measured]:
    """Compare the graph in a file with a checkpoint."""
    texts = yield from check_texts.of(checkpoint)
    rows = check_texts.compared(len(texts.texts))
    exported = OnnxModel(file)
    model, tokenizer = prediction.load(checkpoint)
    some = yield from prediction.encode(tokenizer, [texts.texts[row] for row in rows.tolist()])
    began = time.perf_counter()
    own_scores = yield from prediction.score(checkpoint, model, some, "fp32")
    own_rate = len(some) / (time.perf_counter() - began)
    scores = yield from _scores(checkpoint, exported, some, _unsorted(len(some)))
    began = time.perf_counter()
    yield from _scores(checkpoint, exported, some, _sorted(checkpoint, some))
    rate = len(some) / (time.perf_counter() - began)
    answers, own_answers = (
        prediction.answers_of(checkpoint, each) for each in (scores, own_scores)
    )
    shares, own_shares = (
        prediction.probabilities(checkpoint, each, None) for each in (scores, own_scores)
    )
    alone, own_alone = _alone(checkpoint, exported, model, some)
    figures = {
        "data": texts.title,
        "compared": len(some),
        "same": int(answering.right(own_answers, answers).sum()),
        "largest_difference": float((shares - own_shares).abs().max()),
        "bytes": file.stat().st_size,
        "own_bytes": sum(weight.nbytes for weight in model.state_dict().values()),
        "speed": Speed(alone, rate),
        "own_speed": Speed(own_alone, own_rate),
    }
    if texts.truth is not None and texts.right is not None:
        tokens = yield from prediction.encode(tokenizer, texts.texts)
        scores = yield from _scores(checkpoint, exported, tokens, _sorted(checkpoint, tokens))
        right = answering.right(texts.truth, prediction.answers_of(checkpoint, scores))
        accuracies = {"accuracy": float(right.mean()), "own_accuracy": float(texts.right.mean())}
        figures |= {"tested": len(tokens), **accuracies}
    return Measured(**figures)


def check(measured: Measured, precision: str) -> None:
    """Raise UnfreezeError if an exported model does not answer as the model itself."""
    different = measured.compared - measured.same
    found = f"{different} of {measured.compared} texts got another label than from the model itself"
    if precision == "fp32" and (different or measured.largest_difference > TOLERANCE):
        raise UnfreezeError(
            f"The ONNX model does not answer as it should: {found}, and a probability differs by "
            f"{measured.largest_difference:.1e}. Take the model away in another format."
        )
    if measured.same < LEAST_SAME[precision] * measured.compared:
        raise UnfreezeError(
            f"{found}, more than 1%, so {precision} is too coarse: export it in fp32."
        )


def _scores(
    checkpoint: Checkpoint, exported: OnnxModel, tokens: Tokens, batches: list[np.ndarray]
) -> Task[torch.Tensor]:
    """Return scores in the order of the texts, fp32 [texts, classes]."""
    scores = torch.empty(len(tokens), len(checkpoint.labels))
    done = 0
    for rows in batches:
        scores[rows] = torch.from_numpy(exported.scores_of(tokens, rows, checkpoint.truncation))
        done += len(rows)
        yield Progress("testing", done, len(tokens), "texts")
    return scores


def _unsorted(count: int) -> list[np.ndarray]:
    """Batches in the order of the texts, so that short and long ones meet, of changing sizes."""
    batches, sizes = [], itertools.cycle(_BATCH_SIZES)
    rows = np.arange(count)
    while len(rows):
        size = next(sizes)
        batches.append(rows[:size])
        rows = rows[size:]
    return batches


def _sorted(checkpoint: Checkpoint, tokens: Tokens) -> list[np.ndarray]:
    lengths = tokens.lengths(checkpoint.truncation)
    rows = torch.arange(len(tokens))
    return [batch.numpy() for batch in sorted_batches(lengths, rows, _BATCH_TOKENS)]


def _alone(
    checkpoint: Checkpoint, exported: OnnxModel, model: Classifier, tokens: Tokens
) -> tuple[float, float]:
    """Milliseconds of a text alone, the median of some: of the exported model, and of the model itself."""
    times = []
    for row in range(min(_ALONE, len(tokens))):
        began = time.perf_counter()
        exported.scores_of(tokens, np.array([row]), checkpoint.truncation)
        between = time.perf_counter()
        with torch.inference_mode():
            model(*tokens.batch(torch.tensor([row]), checkpoint.truncation))
        times.append((between - began, time.perf_counter() - between))
    medians = np.median(times, axis=0) * 1000
    return float(medians[0]), float(medians[1])
