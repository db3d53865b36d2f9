"""The settings of a training of word vectors; needs no gensim, so options are drawn and checked first."""

from dataclasses import dataclass, fields

from ftcore import settings
from ftcore.settings import Setting, setting


@dataclass(frozen=True)
class VectorSettings:
    """Settings of a training of word vectors. Raises UsageError if a value is out of range."""

    words: int = setting(30_000, "Words to keep, the most frequent.", 1, 2_000_000)  # a run's limit
    # A line with fewer than 3 numbers is not read as a vector; more than 1,000 only take memory.
    dim: int = setting(100, "Numbers per word.", 3, 1000)
    out: str = setting("vectors.txt", "File to create; not for GloVe.")
    epochs: int = setting(6, "Passes over the texts; not for GloVe.", 1, 1000)
    # gensim divides by the window; beyond 100 words it only takes longer.
    window: int = setting(8, "Words of context on each side; not for GloVe.", 1, 100)
    seed: int = setting(0, "Seed of the training; not for GloVe.", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        for name, each in VECTOR_SETTINGS.items():
            object.__setattr__(self, name, settings.checked(each, getattr(self, name)))


VECTOR_SETTINGS: dict[str, Setting] = {each.name: each for each in fields(VectorSettings)}
GLOVE_SETTINGS = ("words", "dim")  # those that a download of GloVe uses
