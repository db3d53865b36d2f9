"""Label: texts of one's own data, one after the other; `?dataset=` names the data."""

import streamlit as st

from ftcore.data import datasets
from ftcore.data.store import card as stored, versions
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import list_checkpoints
from ftcore.models.encoder_spec import EncoderSpec
from pages.components.data.actions import train_button
from pages.components.data.person import person
from pages.components.forms import settings_form
from pages.components.label.classes_form import add_classes, classes_form
from pages.components.text.errors import show_error
from pages.components.text.sentences import show_errors

st.title("Label", anchor=False)
names = [name for name in stored.names() if datasets.find(name)]
if not names:
    st.info("There are no texts of your own yet. Add some, with labels or without.")
    if st.button("Add your own", icon=":material/add:", type="primary"):
        st.switch_page("data.py", query_params={"add": "texts"})
    st.stop()
names.sort(key=lambda name: not versions.get(name).waiting)  # those that wait for labels first
if st.query_params.get("dataset") in names:
    st.session_state.label_dataset = st.query_params["dataset"]
if st.session_state.get("label_dataset") not in names:
    st.session_state.label_dataset = names[0]
checkpoints = {each.ref: each for each in list_checkpoints()}
encoders = [ref for ref, each in checkpoints.items() if isinstance(each.model, EncoderSpec)]
with st.container(horizontal=True, vertical_alignment="bottom"):
    titles = datasets.titles()
    options = {"format_func": titles.get, "width": 300, "persist_state": "session"}
    name = st.selectbox("Data", names, key="label_dataset", **options)
    by = person()
    options = {"format_func": lambda ref: checkpoints[ref].title, "width": 300}
    options |= {"help": "Chooses texts by its frozen body and a last layer that learns from you."}
    first = list(checkpoints).index(encoders[0]) if encoders else 0
    options |= {"key": "label_checkpoint", "persist_state": "session"}
    ref = st.selectbox("Model", list(checkpoints), first, **options)
st.query_params["dataset"] = name
try:
    card = versions.get(name)
except UnfreezeError as error:
    show_error(error)
    st.stop()
if not by:
    st.info("Give your name: it stands beside each label that you give.")
    st.stop()
if not card.labels:
    classes_form(card, by)
    st.stop()

from ftcore.active_learning import shared  # noqa: E402
from pages.components.label.progress_view import learning_view  # noqa: E402
from pages.components.label.session import of_visitor  # noqa: E402
from pages.components.label.text_view import text_view  # noqa: E402

with show_errors(), st.spinner("Reading the texts …"):
    session = of_visitor(shared.proposer(card, checkpoints[ref]), by)
    text_view(session)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        train_button(name)
        if st.button("Compare on it", icon=":material/compare_arrows:"):
            settings_form.initialize()
            settings_form.fill({"dataset": name, "source": ""})
            st.switch_page("compare.py")
        if st.button("More classes", icon=":material/add:", type="tertiary"):
            add_classes(card, by)
    learning_view(session.proposer)
