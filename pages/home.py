"""What fine-tuning is, the shortest way to a first run, and the state of things."""

import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.blocks import blocks

words, picture = st.columns([6, 5], gap="large", vertical_alignment="center")
with words:
    st.title("Fine-tune a text classifier", anchor=False)
    st.markdown(
        "A pretrained model has learned from a lot of text. **Fine-tuning** starts from its weights "
        "and trains a little more for a task of your own: here, from sorting news by topic to "
        "telling good film reviews from bad.\n\n"
        "Train every layer, or freeze the body and train a new last layer alone. Watch the curves, "
        "then type sentences at the result."
    )
    if st.button("Start a first run", type="primary", icon=":material/play_arrow:"):
        st.switch_page("train.py")
    st.caption("On the built-in sample: nothing to download, about a minute.")
with picture:
    blocks()

state = {}
for column, title in zip(st.columns(3), ("Device", "Runs", "Checkpoints"), strict=True):
    with column.container(border=True, gap="xsmall"):
        st.caption(title)
        state[title] = st.empty()
        state[title].markdown("…")

# All above is on the screen before what follows imports MLflow and torch.
try:
    from ftcore.checkpoints import list_checkpoints

    checkpoints = list_checkpoints()
    own = sum(checkpoint.kind == "run" for checkpoint in checkpoints)
    state["Checkpoints"].markdown(
        f"**{len(checkpoints)}**, {own} of them fine-tuned here" if checkpoints else "None yet"
    )
    from ftcore import tracking

    runs = tracking.runs()
    running = runs[runs["status"] == "running"]
    best = runs["val_accuracy"].max()
    if len(running):
        state["Runs"].page_link(
            "train.py",
            label=f"**{len(runs)}**, now training: {running.iloc[0]['name']}",
            query_params={"run": running.iloc[0]["run_id"]},
        )
    elif len(runs):
        score = "" if best != best else f", best validation accuracy {best:.1%}"
        state["Runs"].markdown(f"**{len(runs)}**{score}")
    else:
        state["Runs"].markdown("None yet")
    from ftcore import devices

    state["Device"].markdown(f"**{devices.describe()}**")
except UnfreezeError as error:
    st.error(str(error))
