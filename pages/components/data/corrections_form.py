"""What did the corrections buy? The form of a paired experiment of two versions of the data."""

import streamlit as st

from ftcore.config import FineTuneConfig
from ftcore.data.store.card import Card
from ftcore.formatting import count
from ftcore.modes import DEFAULTS, mode_title
from pages.components.shell import visitor
from pages.components.text.sentences import show_errors

SEEDS = 3


def corrections_form(card: Card, checkpoint: str) -> None:
    """Draw the choice of modes and seeds; the experiment opens on the page Compare.

    card: its newest version, which is compared with the data as it was added.
    """
    with st.container(border=True):
        st.markdown("**What did the corrections buy?**")
        st.caption(
            f"Trains on the data as added and on version {count(card.version)}, with the same seeds in the "
            "same order, and tests both on the test labels as they were and on the corrected ones."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            options = {
                "selection_mode": "multi",
                "default": "last-layer",
                "format_func": mode_title,
            }
            modes = [
                mode for mode in DEFAULTS[FineTuneConfig(checkpoint).recipe] if mode != "custom"
            ]
            chosen = st.pills("Modes", modes, key="corrections_modes", **options)
            seeds = st.number_input("Seeds", 1, 5, SEEDS, key="corrections_seeds", width=120)
            if st.button("Measure it", icon=":material/play_arrow:", disabled=not chosen):
                with show_errors(), st.spinner("Starting …"):
                    from ftcore.experiments import plan  # imports MLflow

                    settings = {"dataset": card.name, "checkpoint": checkpoint, "keep_model": False}
                    runs = plan.plan_versions(
                        settings, [0, card.version], chosen, range(seeds), references=False
                    )
                    experiment = plan.submit(runs, person=visitor.name())
                    st.switch_page("compare.py", query_params={"experiment": experiment})
