"""The frame of every page: title, logo, Streamlit's sign-in, navigation."""

from pathlib import Path

import streamlit as st

from pages.components.shell import sign_in

IMAGES = Path(__file__).parent / "images"

st.set_page_config(
    page_title="Unfreeze",
    page_icon=str(IMAGES / "icon.svg"),
    layout="wide",
    # An entry of our own keeps the menu, in which visitors switch between light and dark.
    menu_items={"About": "**Unfreeze** fine-tunes text classifiers in the browser."},
)
st.logo(str(IMAGES / "logo.svg"), size="large")

if sign_in.by_streamlit() and not st.user.get("is_logged_in"):
    sign_in.draw_streamlit_sign_in()
    st.stop()

PAGES = [
    st.Page("home.py", title="Home", icon=":material/home:", default=True),
    st.Page("train.py", title="Train", icon=":material/play_circle:"),
    st.Page("compare.py", title="Compare", icon=":material/compare_arrows:"),
    st.Page("predict.py", title="Predict", icon=":material/chat:"),
    st.Page("runs.py", title="Runs", icon=":material/show_chart:"),
    st.Page("checkpoints.py", title="Checkpoints", icon=":material/inventory_2:"),
    st.Page("data.py", title="Data", icon=":material/table_rows:"),
    st.Page("label.py", title="Label", icon=":material/label:"),
]
if sign_in.is_required():
    PAGES.append(
        st.Page(
            sign_in.sign_out, title="Sign out", icon=":material/logout:", url_path=sign_in.SIGN_OUT
        )
    )
st.navigation(PAGES, position="top").run()
