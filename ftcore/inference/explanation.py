"""Explains a prediction by its words with integrated gradients (Sundararajan et al. 2017)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ftcore.inference.prediction import load, predict
from ftcore.models import checkpoints
from ftcore.models.classifier import Classifier
from ftcore.text.tokenizer import Tokenizer

STEPS = 16  # points of the numerical integral; docs/decisions.md has its error by number of points
BATCH_TOKENS = 8192  # tokens in one pass with gradients, over all points


@dataclass(frozen=True)
class Explanation:
    """The contribution of each word to the log-odds of the predicted label.

    Of several predicted labels, it is the likeliest one; if none is predicted, the likeliest of all.

    The contributions sum to `score - baseline_score`, except for the error of the numerical integral.
    An unknown word contributes 0 to the lesson's model, which cannot tell it from the baseline.
    """

    label: str
    labels: tuple[str, ...]
    several: bool  # whether a text may have several of them
    probability: float  # of `label`, calibrated if the checkpoint is, unless raw ones are asked for
    score: float  # log-odds of `label` for the text, not calibrated
    baseline_score: float  # the same for a text of equally many unknown words
    tokens: list[str]  # words, joined of their pieces
    known: list[bool]
    contributions: list[float]
    gap: int | None  # index in `tokens` before which the middle of a long text was cut out


def explain(ref: str, text: str, raw: bool = False) -> Explanation:
    """Explain the prediction of a checkpoint for a text; arguments and errors are those of `predict`."""
    [prediction] = predict(ref, [text], raw)
    checkpoint = checkpoints.find(ref)
    model, tokenizer = load(checkpoint)
    frame = tokenizer.frame
    tokens = torch.tensor(tokenizer.ids(prediction.tokens) or [tokenizer.blank])
    ids, blanks = (
        torch.cat([torch.tensor(frame.start), inner, torch.tensor(frame.end)]).long()
        for inner in (tokens, torch.full_like(tokens, tokenizer.blank))
    )
    with torch.no_grad():
        texts = model.embed(torch.stack([ids, blanks]))
        scores = model.classifier(model.features_of(texts, torch.full((2,), len(ids))))
    labels, several = checkpoint.labels, bool(checkpoint.thresholds)
    label = labels.index(
        max(prediction.labels or labels, key=lambda name: prediction.probabilities[name])
    )
    score, baseline_score = _log_odds(scores, label, several).tolist()
    shares = _integrated_gradients(model, texts[0], texts[1], label, several).tolist()[
        len(frame.start) :
    ]
    words, gap = _words(tokenizer, prediction.tokens, prediction.gap)
    return Explanation(
        labels[label],
        labels,
        several,
        prediction.probabilities[labels[label]],
        score,
        baseline_score,
        [tokenizer.join(prediction.tokens[word]) for word in words],
        [any(prediction.known[word]) for word in words],
        [sum(shares[word]) for word in words],
        gap,
    )


def _words(
    tokenizer: Tokenizer, tokens: list[str], gap: int | None
) -> tuple[list[slice], int | None]:
    """The tokens of each word, and the number of the word before which the text was cut."""
    begins = enumerate(tokenizer.begins_word(tokens))
    starts = [at for at, begins_word in begins if begins_word or at in (0, gap)]
    words = [slice(*ends) for ends in zip(starts, [*starts[1:], len(tokens)], strict=False)]
    return words, gap if gap is None else sum(start < gap for start in starts)


def _integrated_gradients(
    model: Classifier, text: Tensor, baseline: Tensor, label: int, several: bool
) -> Tensor:
    """Contributions of the tokens [length] of a text, given its embeddings [length, dim]."""
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    path = baseline + torch.tensor((nodes + 1) / 2).float()[:, None, None] * (text - baseline)
    batch = max(1, BATCH_TOKENS // len(text))
    gradient = torch.zeros_like(text)
    shares_of_all = torch.tensor(weights / 2).float()
    for points, shares in zip(path.split(batch), shares_of_all.split(batch), strict=True):
        points.requires_grad_()
        scores = model.classifier(model.features_of(points, torch.full((len(points),), len(text))))
        [gradients] = torch.autograd.grad(_log_odds(scores, label, several).sum(), points)
        gradient += (gradients * shares[:, None, None]).sum(0)
    return (gradient * (text - baseline)).sum(-1)


def _log_odds(scores: Tensor, label: int, several: bool) -> Tensor:
    """log(p / (1 - p)) of a class, from scores [texts, classes]; unlike p it does not saturate."""
    if several:  # each score is the log-odds of its label
        return scores[:, label]
    others = scores.clone()
    others[:, label] = -torch.inf
    return scores[:, label] - others.logsumexp(1)
