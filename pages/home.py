"""What fine-tuning is, the shortest way to a first run, and the state of things."""

from dataclasses import replace

import streamlit as st

from ftcore.config import FineTuneConfig, mode_title
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import list_checkpoints
from ftcore.models.spec import ModelSpec
from pages.components.forms.layer_picture import layer_picture
from pages.components.shell import warm_imports
from pages.components.text.escaping import escape_markdown

words, picture = st.columns([6, 5], gap="large", vertical_alignment="center")
with words:
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
with picture:
    starter = next((one.model for one in list_checkpoints()), ModelSpec(30_000, 100, 2))
    for column, mode in zip(st.columns(2), ("full", "last-layer"), strict=True):
        with column:
            st.markdown(f"**{mode_title(mode)}**", text_alignment="center")
            layer_picture(
                FineTuneConfig(mode=mode), replace(starter, classes=2), key=f"layers_{mode}"
            )


cards = []
for column, title in zip(st.columns(3), ("Device", "Runs", "Checkpoints"), strict=True):
    with column.container(border=True, height=104):
        st.caption(title)
        cards.append(st.empty())
# The first page does not wait for the imports that these need.
warm_imports.wait_until_loaded(lambda: [card.skeleton(height=24) for card in cards])
from ftcore import devices, tracking  # noqa: E402

device, runs, checkpoints = cards
device.markdown(f"**{devices.describe()}**")
found = list_checkpoints()
own = sum(checkpoint.kind == "run" for checkpoint in found)
checkpoints.markdown(f"**{len(found)}**, {own} of them fine-tuned here" if found else "None yet")
try:
    table = tracking.runs()
except UnfreezeError as error:
    runs.empty()
    st.error(escape_markdown(str(error)))
    st.stop()
running = table[table["status"] == "running"]
if len(running):
    runs.page_link(
        "train.py",
        label=f"**{len(table)}**, now training: {escape_markdown(running.iloc[0]['name'])}",
        query_params={"run": running.iloc[0]["run_id"]},
    )
elif len(table):
    runs.markdown(f"**{len(table)}**, the last one {table.iloc[0]['status']}")
else:
    runs.markdown("None yet")
broken_off = table[table["status"] == "interrupted"]
for _, one in broken_off.head(3).iterrows():
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/error: **{escape_markdown(one['name'])}** was interrupted.")
        if st.button("Resume or keep it", key=f"open_{one['run_id']}"):
            st.switch_page("train.py", query_params={"run": one["run_id"]})
