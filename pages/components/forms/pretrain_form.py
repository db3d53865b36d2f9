"""The form that pretrains a new model on AG News."""

import streamlit as st

from ftcore.config import MODE_DEFAULTS, NEW_MODEL, SETTINGS, FineTuneConfig, label
from pages.components.forms.checkpoint_picker import run_names_and_states
from pages.components.text.errors import show_errors


def pretrain_form() -> None:
    """Draw the form; queue a run and open it when it is submitted."""
    st.markdown(
        "A new model learns to sort news by topic, from word vectors up: a checkpoint of your own to "
        "fine-tune. It trains like any run."
    )
    with st.form("pretrain"):
        values: dict[str, object] = {
            "source": st.text_input(
                "AG News",
                key="pretrain_source",
                persist_state="session",
                placeholder="Folder with train.csv and test.csv; empty downloads it",
            ),
            "vectors": st.text_input(
                "Word vectors",
                key="pretrain_vectors",
                persist_state="session",
                placeholder="Path of a GloVe text file; empty fetches GloVe 6B 100d",
            ),
        }
        with st.grid(columns=3, min_column_width=150):
            for name in ("words", "epochs", "layers", "heads", "feedforward"):
                values[name] = _number_input(name)
            values["name"] = st.text_input(
                "Name", "AG News model", key="pretrain_name", max_chars=60
            )
        if st.form_submit_button("Pretrain", type="primary", icon=":material/play_arrow:"):
            with show_errors():
                with st.spinner("Starting …"):
                    from ftcore.runs.scheduler import scheduler  # imports MLflow

                    config = FineTuneConfig(checkpoint=NEW_MODEL, dataset="ag_news", **values)
                    run_id = scheduler.submit(config)
                run_names_and_states.clear()
                st.switch_page("train.py", query_params={"run": run_id})


def _number_input(name: str) -> int:
    setting = SETTINGS[name]
    return st.number_input(
        label(setting),
        int(setting.metadata["low"]),
        int(setting.metadata["high"]),
        setting.default or MODE_DEFAULTS["full"].epochs,
        help=setting.metadata["help"],
        key=f"pretrain_{name}",
        persist_state="session",
    )
