"""The form that pretrains a new model on AG News."""

import streamlit as st

from ftcore.config import NEW_MODEL, SETTINGS, FineTuneConfig
from ftcore.modes import mode_defaults
from ftcore.settings import label
from pages.components.forms.checkpoint_picker import facts_of_runs
from pages.components.forms.import_form import AG_NEWS_FOLDER
from pages.components.shell import visitor
from pages.components.text.errors import show_errors

VECTORS = {
    "persist_state": "session",
    "placeholder": "Path of a GloVe text file; empty fetches GloVe 6B 100d",
}


def pretrain_form() -> None:
    """Draw the form; queue a run and open it when it is submitted."""
    st.markdown(
        "A new model learns to sort news by topic, from word vectors up: a checkpoint of your own to "
        "fine-tune. It trains like any run."
    )
    with st.form("pretrain"):
        values: dict[str, object] = {
            "source": st.text_input("AG News", key="pretrain_source", **AG_NEWS_FOLDER),
            "vectors": st.text_input("Word vectors", key="pretrain_vectors", **VECTORS),
        }
        with st.grid(columns=3, min_column_width=150):
            for name in ("words", "epochs", "layers", "heads", "feedforward"):
                values[name] = _number_input(name)
            name = st.text_input("Name", "AG News model", key="pretrain_name", max_chars=60)
        if st.form_submit_button("Pretrain", type="primary", icon=":material/play_arrow:"):
            with show_errors(), st.spinner("Starting …"):
                from ftcore.runs.scheduler import scheduler  # imports MLflow

                shared = {"checkpoint": NEW_MODEL, "dataset": "ag_news", "name": name}
                run_id = scheduler.submit(FineTuneConfig(**shared, **values), visitor.name())
                facts_of_runs.clear()
                st.switch_page("train.py", query_params={"run": run_id})


def _number_input(name: str) -> int:
    setting = SETTINGS[name]
    low, high = int(setting.metadata["low"]), int(setting.metadata["high"])
    default = setting.default or mode_defaults("full").epochs
    options = {"help": setting.metadata["help"], "persist_state": "session"}
    return st.number_input(label(setting), low, high, default, key=f"pretrain_{name}", **options)
