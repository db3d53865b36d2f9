"""How texts fit the model that is to read them: lengths, unknown tokens, words split into many pieces.

All are computed from counts, which `ftcore.text.coverage` makes of texts and a tokenizer.
"""

import numpy as np

from ftcore.data.findings.finding import Finding, number, positions
from ftcore.formatting import percent

_LONG = 0.01  # share of texts that are cut, below which nothing is said
_UNKNOWN = 0.05  # share of tokens
_PIECES = 1.5  # a word on average: in MiniLM, IMDB and AG News have 1.1, German sentences 1.6


def long_texts(lengths: np.ndarray, limit: int, unit: str) -> Finding | None:
    """Find texts longer than a model reads. `lengths`: int64 [texts], in words or pieces (`unit`)."""
    rows = np.flatnonzero(lengths > limit)
    if rows.size <= _LONG * len(lengths):
        return None
    read = np.minimum(lengths, limit).sum() / lengths.sum()
    sentence = (
        f"{number(rows.size, 'text')} of {len(lengths):,} ({percent(rows.size / len(lengths))}) "
        f"are longer than the {limit:,} {unit} that the model can read, so it sees {percent(read)} of all "
        f"{unit}. Choose a model that reads more, or shorten the texts."
    )
    return Finding("long-texts", sentence, rows.size, positions(rows), (), "other-model")


def unknown_tokens(unknown: int, tokens: int, unit: str) -> Finding | None:
    """Say that a model does not know many of all words or pieces (`unit`) of the texts."""
    if not tokens or unknown <= _UNKNOWN * tokens:
        return None
    sentence = (
        f"The model does not know {percent(unknown / tokens)} of all {unit} and cannot tell them apart. "
        "Choose a checkpoint that was trained on texts of this kind and language."
    )
    return Finding("unknown-tokens", sentence, unknown, action="other-model")


def split_words(pieces: int, words: int) -> Finding | None:
    """Say that a model splits many words, as it does in a language or field that it hardly knows."""
    if not words or pieces < _PIECES * words:
        return None
    sentence = (
        f"The model splits a word into {pieces / words:.1f} pieces on average, so it may hardly know "
        "this language or field. See whether a checkpoint was trained on such texts."
    )
    return Finding("split-words", sentence, words, action="other-model")
