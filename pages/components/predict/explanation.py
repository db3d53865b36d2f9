"""The words of a text, shaded by what each contributes to a model's answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ftcore.colours import class_colours
from ftcore.errors import UnfreezeError
from pages.components.forms.checkpoint_picker import CheckpointChoice, models_that_answer
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import colour_legend, token_list

if TYPE_CHECKING:
    from ftcore.inference.explanation import Explanation

AGAINST_COLOUR = "#64748B"  # of words against the answer where there are more than two classes
MAX_OPACITY = 0.6  # of the strongest word; text on it stays readable in both themes


def explanations(text: str, refs: Sequence[str], raw: bool = False) -> None:
    """Draw the shaded text once per model, side by side; `raw`: without calibration."""
    choices = models_that_answer()
    with st.grid(columns=min(2, len(refs)), min_column_width=260, border=True) as grid:
        for ref in refs:
            with grid.cell(), show_errors():
                if ref not in choices:
                    raise UnfreezeError("This model no longer exists; choose another.")
                with st.spinner("Computing the explanation …"):
                    explanation = explain(ref, choices[ref].checkpoint.version, text, raw)
                _draw(choices[ref], explanation)


@st.cache_data(max_entries=200, show_spinner=False)
def explain(ref: str, version: str, text: str, raw: bool) -> "Explanation":
    """A model's explanation, cached for a version of its weights and its calibration."""
    from ftcore.inference import explanation  # imports torch

    return explanation.explain(ref, text, raw)


def _draw(choice: CheckpointChoice, explanation: "Explanation") -> None:
    answer = f"{escape_markdown(explanation.label)} {explanation.probability:.0%}"
    st.markdown(f"**{escape_markdown(choice.title)}** {choice.badge}  {answer}")
    legend = _legend(explanation)
    towards, against = legend.values()
    colours = word_colours(explanation.contributions, towards, against)
    tooltips = [f"{contribution:+.2f}" for contribution in explanation.contributions]
    words = token_list(explanation.tokens, explanation.known, explanation.gap, colours, tooltips)
    st.html(words + colour_legend(legend))


def _legend(explanation: "Explanation") -> dict[str, str]:
    """The colours of words for and against the explained label, by what they mean."""
    label, labels = explanation.label, explanation.labels
    colours = class_colours(list(labels))
    others = [other for other in labels if other != label]
    if len(others) == 1 and not explanation.several:
        return {f"for {label}": colours[label], f"for {others[0]}": colours[others[0]]}
    return {f"for {label}": colours[label], f"against {label}": AGAINST_COLOUR}


def word_colours(contributions: Sequence[float], towards: str, against: str) -> list[str]:
    """A colour per word: `towards` or `against` by sign, its opacity by the size (#RRGGBBAA)."""
    largest = max(map(abs, contributions), default=0.0) or 1.0
    return [
        f"{against if contribution < 0 else towards}"
        f"{round(255 * MAX_OPACITY * abs(contribution) / largest):02x}"
        for contribution in contributions
    ]
