"""Home: what fine-tuning is and is worth, the shortest way to a first run, the state of the installation."""

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import list_checkpoints
from ftcore.models.spec import LessonSpec
from ftcore.modes import mode_title
from pages.components.forms.layer_picture import layer_picture
from pages.components.shell import warm_imports
from pages.components.text.errors import show_error
from pages.components.text.escaping import escape_markdown

introduction, pictures = st.columns([6, 5], gap="large", vertical_alignment="center")
with introduction:
    st.title("Fine-tune a text classifier", anchor=False)
    st.markdown(
        "A pretrained model has learned from a lot of text. **Fine-tuning** starts from its weights "
        "and trains a little more for a task of your own: here, from sorting news by topic to "
        "telling good film reviews from bad.\n\n"
        "Train the body with a new last layer, or freeze it and train the last layer alone. Watch "
        "the curves, then type sentences at the result."
    )
    with st.container(horizontal=True):
        if st.button("Start a first run", type="primary", icon=":material/play_arrow:"):
            st.switch_page("train.py")
        if st.button("Compare the modes", icon=":material/compare_arrows:"):
            st.switch_page("compare.py")
    st.caption("On the built-in sample: no download, about a minute.")
leading = st.empty()

available = list_checkpoints()
with pictures:
    spec = replace(available[0].model if available else LessonSpec(30_000, 100, 2), classes=2)
    for column, mode in zip(st.columns(2), ("full", "last-layer"), strict=True):
        with column:
            st.markdown(f"**{mode_title(mode)}**", text_alignment="center")
            layer_picture(FineTuneConfig(mode=mode), spec, key=f"layers_{mode}")

cards = []
for column, title in zip(st.columns(3), ("Device", "Runs", "Checkpoints"), strict=True):
    with column.container(border=True, height=104):
        st.caption(title)
        cards.append(st.empty())
device_card, runs_card, checkpoints_card = cards

# The page above is painted before these imports.
slots = [(leading, 200), *((card, 24) for card in cards)]
warm_imports.wait_until_loaded(lambda: [slot.skeleton(height=height) for slot, height in slots])
from ftcore import devices, tracking  # noqa: E402
from pages.components.compare.leading_experiment import leading_experiment  # noqa: E402

leading.empty()
with suppress(UnfreezeError), leading.container():  # the file is missing or damaged
    leading_experiment()
device_card.markdown(f"**{devices.describe()}**")
trained_here = sum(checkpoint.kind == "run" for checkpoint in available)
checkpoints_card.markdown(
    f"**{len(available)}**, {trained_here} of them fine-tuned here" if available else "None yet"
)
try:
    runs = tracking.runs()
except UnfreezeError as error:
    runs_card.empty()
    show_error(error)
    st.stop()
running = runs[runs["status"] == "running"]
if len(running):
    run = running.iloc[0]
    label = f"**{len(runs)}**, now training: {escape_markdown(run['name'])}"
    runs_card.page_link("train.py", label=label, query_params={"run": run["run_id"]})
elif len(runs):
    runs_card.markdown(f"**{len(runs)}**, the last one {runs.iloc[0]['status']}")
else:
    runs_card.markdown("None yet")

interrupted = runs[runs["status"] == "interrupted"]
for _, run in interrupted.head(3).iterrows():
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/error: **{escape_markdown(run['name'])}** was interrupted.")
        if st.button("Resume or keep it", key=f"open_{run['run_id']}"):
            st.switch_page("train.py", query_params={"run": run["run_id"]})
