"""The two kinds of experiments: modes compared on the same texts, or on more and more of them."""

from collections.abc import Iterable
from typing import Literal

Kind = Literal["comparison", "learning curve"]


def kind_of(limits: Iterable[int]) -> Kind:
    """The kind of an experiment, by the setting `limit` of its runs."""
    return "learning curve" if len(set(limits)) > 1 else "comparison"
