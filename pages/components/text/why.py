"""Why: the words of a text, shaded by what each adds to a model's answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.charts.palette import class_colours
from pages.components.forms.checkpoint_picker import Model, models
from pages.components.text import escaping

if TYPE_CHECKING:
    from ftcore.inference.explanation import Explanation

AGAINST = "#64748B"  # of words against the answer where more than one other class may gain by it
STRONGEST = (
    0.6  # opacity of the word that counts most; the text on it stays readable in both themes
)


def why(text: str, refs: Sequence[str]) -> None:
    """Draw the text once for each model, side by side."""
    available = models()
    with st.grid(columns=min(2, len(refs)), min_column_width=260, border=True) as grid:
        for ref in refs:
            with grid.cell():
                try:
                    if ref not in available:
                        raise UnfreezeError("This model is no longer there; choose another.")
                    with st.spinner("Looking for the reasons …"):
                        found = explained(ref, available[ref].checkpoint.version, text)
                except UnfreezeError as error:
                    st.error(escaping.plain(str(error)))
                else:
                    draw(available[ref], found)


@st.cache_data(max_entries=200, show_spinner=False)
def explained(ref: str, version: float, text: str) -> "Explanation":
    """Kept until the weights change, so that a page drawn again costs nothing."""
    from ftcore.inference.explanation import explain

    return explain(ref, text)


def draw(model: Model, found: "Explanation") -> None:
    """One model's reading of the text."""
    answer = f"{escaping.plain(found.label)} {found.share:.0%}"
    st.markdown(f"**{escaping.plain(model.title)}** {model.badge}  {answer}")
    colours = sides(found.label, found.labels)
    st.html(
        escaping.shaded(
            found.tokens,
            found.known,
            fills(found.contributions, list(colours.values())),
            [f"{contribution:+.2f}" for contribution in found.contributions],
            found.gap,
        )
        + escaping.legend(colours)
    )


def sides(label: str, labels: Sequence[str]) -> dict[str, str]:
    """What speaks for the answer and what against it, each with its colour."""
    colours = class_colours(list(labels))
    others = [other for other in labels if other != label]
    if len(others) == 1:
        return {f"for {label}": colours[label], f"for {others[0]}": colours[others[0]]}
    return {f"for {label}": colours[label], f"against {label}": AGAINST}


def fills(contributions: Sequence[float], sides: Sequence[str]) -> list[str]:
    """A colour of one of two sides for each contribution, the fainter the smaller it is."""
    most = max(map(abs, contributions), default=0.0) or 1.0
    return [
        f"{sides[contribution < 0]}{round(255 * STRONGEST * abs(contribution) / most):02x}"
        for contribution in contributions
    ]
