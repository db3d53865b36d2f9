"""What Home leads with: what the bundled experiment on a real encoder says of fine-tuning."""

import streamlit as st

from ftcore.experiments.catalog import LEADING
from pages.components.compare.learning_curve_summary import summarize
from pages.components.compare.result_cache import bundled_results, cached
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import headline


def leading_experiment() -> None:
    """Draw its sentence, where pretraining wins and where it does not, and the way to its curves.

    Raises UnfreezeError if it is not there.
    """
    results = bundled_results(LEADING)
    summary = cached(results, ("learning curve",), lambda: summarize(results))
    with st.container(border=True):
        st.caption(escape_markdown(results[0].run.experiment_name))
        st.html(headline(summary.sentence))
        st.markdown("\n".join(f"- {escape_markdown(line)}" for line in summary.worth))
        if st.button("See the curves", key="leading", icon=":material/show_chart:"):
            st.switch_page("compare.py", query_params={"experiment": LEADING})
