"""Choose and start a run, or watch one: its id stands in the address, `?run=…`."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import streamlit as st

from ftcore import formatting
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.training import estimate, strategies
from pages.components.forms import settings_form as form
from pages.components.forms.layer_picture import layer_picture
from pages.components.forms.rate_finder import rate_button, rate_search
from pages.components.shell import warm_imports
from pages.components.text.escaping import escape_markdown

LESSON = Path(__file__).parent.parent / "docs" / "lesson.md"

if st.query_params.get("run"):
    try:
        with st.spinner("Opening the run …"):
            from pages.components.runs.live_run import live_run  # imports MLflow

        live_run(st.query_params["run"])
    except UnfreezeError as error:
        st.error(escape_markdown(str(error)))
        st.page_link("runs.py", label="Go to the list of runs", icon=":material/arrow_forward:")
    st.stop()

st.title("Train", anchor=False)
checkpoints = form.initialize()
choose, summary = st.columns([5, 3], gap="large")
with choose:
    form.checkpoint_input(checkpoints)
    form.data_input()
    spec = replace(
        checkpoints[st.session_state[form.key("checkpoint")]].model,
        classes=len(datasets.SPECS[st.session_state[form.key("dataset")]].labels),
    )
    form.mode_input(spec)
    form.preset_input(
        "Settings",
        help="Quick: IMDB in about three minutes on two cores. Best: 512 tokens of each text and one more "
        "epoch. Lesson: the lesson's values, which take hours.",
    )
    epochs, rate, limit = st.columns(3)
    with epochs:
        form.setting_input("epochs")
    with rate:
        form.setting_input("learning_rate")
        search = rate_button()
    with limit:
        form.setting_input("limit", label="Training texts (0: all)")
    rate_search(search)
    with st.expander("More settings"), st.grid(3, min_column_width=180, gap="medium") as grid:
        for name in form.FOLDED:
            with grid.cell():
                form.setting_input(name, explain=True)


with summary.container(border=True):
    layer_picture(form.what_trains(), spec, key="layers", on_choice=form.choose_groups)
    config = None
    try:
        wanted = FineTuneConfig(**form.values())
        st.markdown(strategies.describe_briefly(wanted, spec))
        checkpoint = checkpoints[wanted.checkpoint]
        if checkpoint.labels != datasets.SPECS[wanted.dataset].labels:
            st.markdown(
                f"The last layer is replaced: {len(checkpoint.labels)} classes before, {spec.classes} now."
            )
        config = wanted
    except UnfreezeError as error:
        st.error(escape_markdown(str(error)))
    time_needed = st.empty()
    if st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=config is None,
        width="stretch",
    ):
        try:
            with st.spinner("Starting …"):
                from ftcore.runs.scheduler import scheduler  # imports MLflow

                run_id = scheduler.submit(config)
        except UnfreezeError as error:
            st.error(escape_markdown(str(error)))
        else:
            st.query_params["run"] = run_id
            st.rerun()
    now_training = st.empty()

with st.expander("What the lesson's code gets wrong, and what is done here"):
    st.markdown(
        """
- **Attention runs across the batch.** The encoder is built without `batch_first`, so a word looks at
  other reviews instead of along its own. Here it looks along the text.
- **Padding counts.** Nothing masks it, and its index, 0, is that of `<unk>`. Here it is `<pad>`,
  masked, and left out of the mean.
- **Token ids stand two off their vectors.** `<unk>` and `<pad>` come before the words in the
  vocabulary, but not in the embedding. Here both have a row of their own.
- **The learning rate never falls.** The scheduler is made and never stepped. Here the rate goes up
  and down once; the preset Lesson keeps its constant 1.
- **Nothing is saved.** The lines that save are commented out. Here the best weights by validation
  accuracy are kept, and tested.

"""
    )
    if st.button("Read all of it", type="tertiary", icon=":material/menu_book:"):
        title, _, text = LESSON.read_text("utf-8").partition("\n")
        with_bold = re.sub(r"^#+ (.*)$", r"**\1**", text, flags=re.MULTILINE)  # tiny in a dialog
        st.dialog(title.removeprefix("# "), width="large")(lambda: st.markdown(with_bold))()

if config is not None:  # last: the pace of earlier runs is known once MLflow is imported
    warm_imports.wait_until_loaded(lambda: time_needed.caption("…"))
    time_needed.empty()
    from ftcore import tracking

    with suppress(UnfreezeError):  # of the record of runs, which Start will name
        runs = tracking.runs()
        seconds = estimate.seconds(config, runs)
        time_needed.caption(f"About {formatting.rough_duration(seconds)} on this machine")
        for _, run in runs[runs["status"] == "running"].head(1).iterrows():
            # Not a link to this same page: that would leave its address as it is.
            if now_training.button(
                f"Watch {escape_markdown(run['name'])}, which trains now",
                key="watch",
                type="tertiary",
                icon=":material/visibility:",
                help="A run that is started now waits for it.",
            ):
                st.query_params["run"] = run["run_id"]
                st.rerun()
