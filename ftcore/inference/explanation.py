"""Which words of a text a prediction comes from: integrated gradients (Sundararajan et al. 2017)."""

import copy
import math
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from ftcore.inference.prediction import load, predict
from ftcore.models import checkpoints
from ftcore.text.vocabulary import SPECIALS, UNK

STEPS = 16  # points between the baseline and the text; docs/decisions.md has the error by number
TOKENS = 8192  # in one pass with its gradients, over all points


@dataclass(frozen=True)
class Explanation:
    """What each token adds to the log-odds of the predicted label.

    The contributions sum up to `score` less `start`, but for the error of the numerical integral.
    A token that is not `known` contributes nothing, as the model cannot tell it from the baseline.
    """

    label: str
    labels: tuple[str, ...]
    score: float  # log-odds of `label` for the text
    start: float  # the same where every word of it is unknown: the baseline
    tokens: list[str]
    known: list[bool]
    contributions: list[float]
    gap: int | None  # where in `tokens` a long text goes on behind what is not read

    @property
    def share(self) -> float:
        """The probability of `label`."""
        return 1 / (1 + math.exp(-self.score))


def explain(ref: str, text: str) -> Explanation:
    """Of the text as the model reads it, with any checkpoint. Raises UnfreezeError as `predict` does."""
    # Here, as it takes half a second, most of it for matplotlib.
    from captum.attr import LayerIntegratedGradients  # type: ignore[import-untyped]

    [prediction] = predict(ref, [text])
    checkpoint = checkpoints.find(ref)
    shared, vocab = load(checkpoint)
    # captum hangs hooks on the layers, and somebody else may ask the same model meanwhile: modules of
    # one's own, around the same weights.
    weights = {id(one): one for one in chain(shared.parameters(), shared.buffers())}
    model = copy.deepcopy(shared, weights)

    words = [word if word not in SPECIALS else SPECIALS[UNK] for word in prediction.tokens]
    ids = torch.tensor([[vocab.stoi.get(word, UNK) for word in words] or [UNK]])
    length = torch.tensor([ids.shape[1]])
    # Training hides words as <unk>, so the model knows a text without words; it never saw <pad>.
    baseline = torch.full_like(ids, UNK)
    with torch.no_grad():
        best = int(model(ids, length).argmax())

    def score(ids: Tensor, lengths: Tensor) -> Tensor:
        return _log_odds(model(ids, lengths), best)

    gradients = LayerIntegratedGradients(score, model.embedding)
    found = gradients.attribute(
        ids,
        baseline,
        additional_forward_args=(length,),
        n_steps=STEPS,
        internal_batch_size=max(1, TOKENS // ids.shape[1]),
    )
    with torch.no_grad():
        end, start = score(torch.cat([ids, baseline]), length.repeat(2)).tolist()
    return Explanation(
        checkpoint.labels[best],
        checkpoint.labels,
        end,
        start,
        prediction.tokens,
        prediction.known,
        found.sum(-1)[0].tolist()[: len(words)],
        prediction.gap,
    )


def _log_odds(scores: Tensor, label: int) -> Tensor:
    """log(p / (1 - p)) of one class, from scores [texts, classes]: it does not level off as p does."""
    others = scores.clone()
    others[:, label] = -torch.inf
    return scores[:, label] - others.logsumexp(1)
