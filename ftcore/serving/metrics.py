"""What an endpoint counts, in the text format of Prometheus.

Written here, as the client library of Prometheus would be one more package for sixty lines. The format:
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ftcore import answers as answering
from ftcore.inference.text_model import Answers, TextModel
from ftcore.serving.batching import Scored
from ftcore.text.lengths import BOUNDS, TextLengths

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SURE = 0.7
"""The least probability of a sure answer of one label of a model without a calibration."""
RECENT = 1_000
"""Texts whose lengths are compared with those of the training data."""
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram of latencies."""
_PREFIX = "unfreeze_"


class Metrics:
    """Counts of one endpoint since it began."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._began = time.time()
        self._requests: Counter[int] = Counter()
        self._seconds, self._seconds_sum = [0] * (len(SECONDS) + 1), 0.0
        self._answers: Counter[str] = Counter()
        self._texts = self._unsure = self._tokens = self._unknown = 0
        self._bounds = model.training_lengths.up_to if model.training_lengths else BOUNDS
        self._lengths = np.zeros(len(self._bounds), np.int64)
        self._recent: deque[int] = deque(maxlen=RECENT)

    def request(self, status: int, seconds: float) -> None:
        """Count a request for answers; its latency counts if it got them."""
        self._requests[status] += 1
        if status == 200:
            self._seconds[bisect_left(SECONDS, seconds)] += 1
            self._seconds_sum += seconds

    def answered(self, scored: Scored, answers: Answers) -> None:
        """Count the answers to the texts of a request."""
        self._texts += len(answers.names)
        self._answers.update(label for labels in answers.labels for label in labels)
        self._unsure += int(self._not_sure(answers.probabilities).sum())
        self._tokens += int(scored.lengths.sum())
        self._unknown += scored.unknown
        self._lengths += TextLengths.of(scored.lengths, self._bounds).texts
        self._recent.extend(scored.lengths.tolist())

    def _not_sure(self, probabilities: np.ndarray) -> np.ndarray:
        """Which texts have no sure answer, bool [texts]; probabilities [texts, classes]."""
        if kept := self._model.calibration:
            least = np.array([kept.thresholds[label] for label in self._model.labels])
            return (probabilities >= least).sum(1) != 1
        if self._model.thresholds:
            return answering.not_sure(probabilities, self._model.thresholds)
        return probabilities.max(1) < SURE

    def text(self, waiting: int) -> str:
        """All figures; `waiting` texts are not computed yet."""
        model = self._model
        if model.calibration:
            unsure = f"without one label at the calibration's target, {model.calibration.target:g}"
        elif model.thresholds:
            unsure = f"of which {answering.CLOSE}"
        else:
            unsure = f"whose answer has a probability below {SURE:g}"
        answers = {("label", label): self._answers[label] for label in model.labels}
        statuses = {
            ("status", str(status)): count for status, count in sorted(self._requests.items())
        }
        blocks = [
            _block("model_info", "gauge", "The model that answers.", {("title", model.title): 1}),
            _block("start_time_seconds", "gauge", "When it began.", {None: self._began}),
            _block("requests_total", "counter", "Requests for answers, by status.", statuses),
            _block("texts_total", "counter", "Texts answered.", {None: self._texts}),
            _block("answers_total", "counter", "Texts that got a label.", answers),
            _block("unsure_total", "counter", f"Texts {unsure}.", {None: self._unsure}),
            _block("tokens_total", "counter", "Words or pieces of them.", {None: self._tokens}),
            _block(
                "unknown_tokens_total", "counter", "Of these, unknown ones.", {None: self._unknown}
            ),
            _block("waiting_texts", "gauge", "Texts to be answered.", {None: waiting}),
            _histogram(
                "request_seconds", "Latency of answers.", SECONDS, self._seconds, self._seconds_sum
            ),
            _histogram(
                "text_tokens",
                "Length of the texts.",
                self._bounds,
                [*self._lengths.tolist(), 0],
                self._tokens,
            ),
        ]
        return "".join([*blocks, *self._drift()])

    def _drift(self) -> Iterable[str]:
        trained = self._model.training_lengths
        if trained is None:
            return
        shares = np.cumsum(trained.texts) / sum(trained.texts)
        up_to = {
            ("le", str(bound)): share
            for bound, share in zip(trained.up_to, shares.tolist(), strict=True)
        }
        name, help = "training_length_share", "Share of the training texts with up to le tokens."
        yield _block(name, "gauge", help, up_to)
        if self._recent:
            recent = TextLengths.of(np.array(self._recent), trained.up_to)
            help = (
                f"How the lengths of the last {RECENT} texts differ from the training texts': the largest "
                "difference of the shares up to a length, 0 to 1."
            )
            yield _block("length_drift", "gauge", help, {None: recent.distance(trained)})


def _block(name: str, kind: str, help: str, samples: Mapping[Any, float]) -> str:
    """A metric; samples by label, which is its name and value, or None."""
    lines = [f"# HELP {_PREFIX}{name} {help}", f"# TYPE {_PREFIX}{name} {kind}"]
    lines += [_sample(name, label, value) for label, value in samples.items()]
    return "\n".join(lines) + "\n"


def _histogram(
    name: str, help: str, bounds: Sequence[float], counts: Sequence[int], total: float
) -> str:
    """A histogram; counts: of each bound and, at last, of what is above all."""
    lines = [f"# HELP {_PREFIX}{name} {help}", f"# TYPE {_PREFIX}{name} histogram"]
    below = np.cumsum(counts).tolist()
    for bound, count in zip([*map(str, bounds), "+Inf"], below, strict=True):
        lines.append(_sample(f"{name}_bucket", ("le", bound), count))
    lines += [_sample(f"{name}_sum", None, total), _sample(f"{name}_count", None, below[-1])]
    return "\n".join(lines) + "\n"


def _sample(name: str, label: tuple[str, str] | None, value: float) -> str:
    text = f'{{{label[0]}="{_escape(label[1])}"}}' if label else ""
    return f"{_PREFIX}{name}{text} {value}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
