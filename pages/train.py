"""Train: set up and start a run, or watch the one in the address, `?run=<run id>`."""

import re
from contextlib import suppress
from pathlib import Path

import streamlit as st

from ftcore import formatting
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.training import estimate, strategies
from pages.components.forms import settings_form as form
from pages.components.forms.encoder_offer import encoder_offer, wait_for_offer
from pages.components.forms.layer_picture import layer_picture
from pages.components.forms.rate_finder import rate_button, rate_search
from pages.components.shell import visitor, warm_imports
from pages.components.text.errors import show_error, show_errors
from pages.components.text.escaping import escape_markdown

LESSON = Path(__file__).parent.parent / "docs" / "lesson.md"

if st.query_params.get("run"):
    try:
        with st.spinner("Opening the run …"):
            from pages.components.runs.live_run import live_run  # imports MLflow

        live_run(st.query_params["run"])
    except UnfreezeError as error:
        show_error(error)
        st.page_link("runs.py", label="Go to the list of runs", icon=":material/arrow_forward:")
    st.stop()

st.title("Train", anchor=False)
checkpoints = form.initialize()
inputs, summary = st.columns([5, 3], gap="large")
with inputs:
    offered = encoder_offer(checkpoints.values())
    form.checkpoint_input(checkpoints)
    form.data_input()
    checkpoint = checkpoints[st.session_state[form.key("checkpoint")]]
    labels = datasets.find_spec(st.session_state[form.key("dataset")]).labels
    spec = checkpoint.model.with_head(len(labels), st.session_state[form.key("pooling")])
    form.mode_input(spec)
    lesson_help = (
        "Quick: IMDB in about three minutes on two cores. Best: 512 tokens of each text and one more "
        "epoch. Lesson: the lesson's values, which take hours."
    )
    encoder_help = (
        "Quick: 352 steps, on any data, and 128 tokens of each text. Best: all epochs, and 256 tokens. "
        "Answers read twice as much."
    )
    encoder = isinstance(spec, EncoderSpec)
    form.preset_input("Settings", help=encoder_help if encoder else lesson_help)
    epochs, rate, limit = st.columns(3)
    with epochs:
        form.setting_input(form.end_setting())
    with rate:
        form.setting_input("learning_rate")
        search_clicked = rate_button()
    with limit:
        form.limit_input()
    rate_search(search_clicked)
    more = st.expander("More settings", key="train_more", on_change="rerun")
    if more.open:  # half of the page's inputs
        with more, st.grid(3, min_column_width=180, gap="medium") as grid:
            for name in form.more_settings():
                with grid.cell():
                    form.setting_input(name, explain=True)

with summary.container(border=True):
    layer_picture(form.freezing_config(), spec, key="layers", on_choice=form.choose_groups)
    config = None
    with show_errors():
        valid_config = FineTuneConfig(**form.values())
        st.markdown(strategies.describe_briefly(valid_config, spec))
        if checkpoint.labels != labels:
            change = f"{len(checkpoint.labels)} classes before, {len(labels)} now"
            added = f"A last layer is added, for {len(labels)} classes."
            st.markdown(f"The last layer is replaced: {change}." if checkpoint.labels else added)
        config = valid_config
    time_needed = st.empty()
    visitor.name_input()
    options = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
    if st.button("Start", disabled=config is None, **options):
        with show_errors():
            with st.spinner("Starting …"):
                from ftcore.runs.scheduler import scheduler  # imports MLflow

                st.query_params["run"] = scheduler.submit(config, visitor.name())
            st.rerun()
    watch_link = st.empty()

title = "What the lesson's code gets wrong, and what is done here"
if st.button(title, type="tertiary", icon=":material/menu_book:"):
    text = LESSON.read_text("utf-8").partition("\n")[2]
    text = re.sub(r"^#+ (.*)$", r"**\1**", text, flags=re.MULTILINE)  # headings are too large
    st.dialog(title, width="large")(lambda: st.markdown(text))()

if config is not None:
    # Last, because the estimate needs MLflow: it follows the speed of earlier runs.
    warm_imports.wait_until_loaded(lambda: time_needed.caption("…"))
    time_needed.empty()
    from ftcore import tracking

    with suppress(UnfreezeError):  # Start shows why the record of runs cannot be read
        runs = tracking.runs()
        seconds = estimate.seconds(config, runs)
        time_needed.caption(f"About {formatting.rough_duration(seconds)} on this machine")
        for _, run in runs[runs["status"] == "running"].head(1).iterrows():
            # A link to this same page would leave its address as it is.
            label = f"Watch {escape_markdown(run['name'])}, which trains now"
            options = {"icon": ":material/visibility:", "type": "tertiary"}
            waits = "A run that is started now waits for it."
            if watch_link.button(label, key="watch", help=waits, **options):
                st.query_params["run"] = run["run_id"]
                st.rerun()
    if not offered:
        wait_for_offer(checkpoints.values())
