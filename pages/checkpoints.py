"""Checkpoints: what there is, what it is made of, and how to get another."""

import tempfile
from pathlib import Path

import streamlit as st

from ftcore import formatting, validation
from ftcore.config import MODE_DEFAULTS, NEW_MODEL, SETTINGS, FineTuneConfig, label
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from pages.components.charts.palette import BADGES
from pages.components.forms import settings_form
from pages.components.forms.checkpoint_picker import (
    CheckpointChoice,
    checkpoint_choices,
    run_names_and_states,
)
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown

A_PAGE = 12  # cards
KINDS = {"bundled": "Comes with Unfreeze", "imported": "Imported", "run": "Trained here"}

st.title("Checkpoints", anchor=False)
listed, importing, pretraining = st.tabs(
    ["All", "Import", "Pretrain"], key="checkpoints_tab", on_change="rerun"
)


def accuracy(model: CheckpointChoice) -> str:
    """Its best known figure, and what it was measured on."""
    metrics = model.checkpoint.metrics
    data = escape_markdown(datasets.title(model.checkpoint.dataset))
    for name, part in (("test_accuracy", "test set"), ("val_accuracy", "validation")):
        if name in metrics:
            return f"**{formatting.percent(metrics[name])}** {data}, {part}"
    return f"{data}, not measured"


def card(model: CheckpointChoice, of: dict[str, CheckpointChoice]) -> None:
    """One checkpoint in few words, with what can be done with it."""
    one = model.checkpoint
    cut_short = model.status not in ("finished", "running")
    ended = f" :{BADGES[model.status]}-badge[{model.status}]" if cut_short else ""
    st.markdown(f"**{escape_markdown(model.title)}** {model.badge}{ended}")
    parent = of[one.parent].title if one.parent in of else one.parent
    st.markdown(accuracy(model))
    st.caption(
        f"{escape_markdown(', '.join(one.labels))}  \n"
        + (f"From {escape_markdown(parent)} · " if parent else "")
        + f"{one.parameters / 1e6:.1f} M parameters · {formatting.size(one.bytes)}"
    )
    with st.container(horizontal=True, gap="xsmall"):
        if st.button("Fine-tune", key=f"tune-{one.ref}", icon=":material/play_circle:"):
            settings_form.initialize()
            settings_form.fill({"checkpoint": one.ref})
            st.switch_page("train.py")
        if st.button("Predict", key=f"predict-{one.ref}", icon=":material/chat:"):
            st.switch_page("predict.py", query_params={"model": one.ref})
        if st.button("Details", key=f"details-{one.ref}", type="tertiary"):
            details(model, of)
        if one.kind != "bundled" and st.button(
            "", key=f"delete-{one.ref}", type="tertiary", icon=":material/delete:", help="Delete"
        ):
            ask_delete(model)


def details(model: CheckpointChoice, of: dict[str, CheckpointChoice]) -> None:
    """Everything that is known of a checkpoint, at the side."""
    one = model.checkpoint

    @st.dialog(escape_markdown(model.title), width="medium", position="right")
    def drawer() -> None:
        parents = []
        ref = one.parent
        while ref and ref not in parents:
            parents.append(ref)
            ref = of[ref].checkpoint.parent if ref in of else ""
        if one.card:
            st.markdown(one.card)
        facts = {
            "Classes": ", ".join(one.labels),
            "Learned from": datasets.title(one.dataset),
            "Started from": " ← ".join(of[ref].title if ref in of else ref for ref in parents),
            "Training": one.origin.get("trains", ""),
            "Test accuracy": formatting.percent(one.metrics.get("test_accuracy")),
            "Validation accuracy": formatting.percent(one.metrics.get("val_accuracy")),
            "Parameters": f"{one.parameters:,}",
            **{f"… {name}": f"{number:,}" for name, number in one.model.group_sizes().items()},
            "Attention heads": str(one.model.heads),
            "Reads at most": f"{one.max_length} tokens"
            + (
                f", {one.max_length - one.truncation.head} of them from the end" if one.tail else ""
            ),
            "On disk": formatting.size(one.bytes)
            + (f", its words in {one.words}" if one.words != one.ref else ""),
            "Name for the command line": one.ref,
        }
        if one.kind == "run":
            st.page_link(
                "train.py",
                label="Its run",
                icon=":material/show_chart:",
                query_params={"run": one.ref},
            )
        st.table(
            {
                name: escape_markdown(value)
                for name, value in facts.items()
                if value not in ("", formatting.MISSING)
            },
            border="horizontal",
        )

    drawer()


@st.dialog("Delete for good?")
def ask_delete(model: CheckpointChoice) -> None:
    st.markdown(f"**{escape_markdown(model.title)}**, {formatting.size(model.checkpoint.bytes)}")
    if model.checkpoint.kind == "run":
        st.caption("Its run stays, with all curves and figures.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:"):
            try:
                checkpoints.delete(model.checkpoint.ref)
            except UnfreezeError as error:
                st.error(str(error))
            else:
                st.rerun()
        if st.button("Keep"):
            st.rerun()


if listed.open:
    with listed:
        # Those of runs have names in MLflow, whose import takes a second.
        with st.spinner("Reading …", show_time=False):
            try:
                found = checkpoint_choices()
            except UnfreezeError as error:
                st.error(str(error))
                st.stop()
        if not found:
            st.info("None yet. Pretrain one on AG News, or import the lesson's.")
        for kind, heading in KINDS.items():
            of_kind = [one for one in found.values() if one.checkpoint.kind == kind]
            if not of_kind:
                continue
            st.subheader(heading, anchor=False)
            grid_slot = st.container()
            page = 1
            if len(of_kind) > A_PAGE:
                page = st.pagination(-(-len(of_kind) // A_PAGE), key=f"checkpoints_{kind}")
            with grid_slot, st.grid(columns=3, min_column_width=300, border=True) as grid:
                for one in of_kind[(page - 1) * A_PAGE : page * A_PAGE]:
                    with grid.cell():
                        card(one, found)


if importing.open:
    with importing, st.container(width=720):
        st.markdown(
            "The file that the lesson saves (`model_AG News small1.pth`). It holds neither words nor "
            "the number of heads, so its GloVe file and that number are asked for, and its accuracy "
            "is measured anew."
        )
        with st.form("import"):
            left, right = st.columns(2)
            with left:
                model_file = st.text_input(
                    "Model file",
                    key="import_path",
                    placeholder="Path of the .pth",
                    persist_state="session",
                )
                model_upload = st.file_uploader(
                    "or upload it",
                    ["pth", "pt"],
                    key="import_file",
                )
                name = st.text_input("Name", "lesson", key="import_name", max_chars=60)
            with right:
                glove_file = st.text_input(
                    "GloVe file",
                    key="import_glove_path",
                    placeholder="Path of glove.6B.100d.txt",
                    persist_state="session",
                )
                glove_upload = st.file_uploader("or upload it", ["txt"], key="import_glove_file")
                heads = st.number_input(
                    "Attention heads", 1, 64, 2, help="The lesson uses 2.", key="import_heads"
                )
            ag_news = st.text_input(
                "AG News, to measure it",
                key="import_ag_news",
                persist_state="session",
                placeholder="Folder with train.csv and test.csv; empty downloads it",
            )
            if st.form_submit_button("Import", type="primary", icon=":material/upload:"):
                with tempfile.TemporaryDirectory(prefix="unfreeze-") as folder:
                    files = []
                    for path, uploaded in ((model_file, model_upload), (glove_file, glove_upload)):
                        if uploaded is not None:
                            copy = Path(folder, f"{len(files)}-{Path(uploaded.name).name[-60:]}")
                            copy.write_bytes(uploaded.getbuffer())
                            files.append(copy)
                        elif path.strip():
                            files.append(validation.expand_home(path.strip()))
                    if len(files) < 2:
                        st.error("Both files are needed: give a path or upload each.")
                    else:
                        try:
                            with st.spinner("Importing …"):
                                from ftcore.exchange.lesson_import import (
                                    import_lesson,  # imports torch
                                )

                                made = run_task(
                                    import_lesson(
                                        *files,
                                        heads=heads,
                                        name=name.strip(),
                                        ag_news_source=ag_news.strip(),
                                    )
                                )
                        except UnfreezeError as error:
                            st.error(str(error))
                        else:
                            measured = made.metrics.get("test_accuracy")
                            st.success(
                                f"Imported as {escape_markdown(made.ref)}."
                                + (
                                    f" It is right on {formatting.percent(measured)} of the AG News test "
                                    "texts, measured just now."
                                    if measured
                                    else ""
                                )
                            )

if pretraining.open:
    with pretraining, st.container(width=720):
        st.markdown(
            "A new model learns to sort news by topic, from word vectors up: a checkpoint of your "
            "own to fine-tune. It trains like any run."
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
                    setting = SETTINGS[name]
                    values[name] = st.number_input(
                        label(setting),
                        int(setting.metadata["low"]),
                        int(setting.metadata["high"]),
                        setting.default or MODE_DEFAULTS["full"].epochs,
                        help=setting.metadata["help"],
                        key=f"pretrain_{name}",
                        persist_state="session",
                    )
                values["name"] = st.text_input(
                    "Name", "AG News model", key="pretrain_name", max_chars=60
                )
            if st.form_submit_button("Pretrain", type="primary", icon=":material/play_arrow:"):
                try:
                    with st.spinner("Starting …"):
                        from ftcore.runs.scheduler import scheduler  # imports MLflow

                        run_id = scheduler.submit(
                            FineTuneConfig(checkpoint=NEW_MODEL, dataset="ag_news", **values)
                        )
                except UnfreezeError as error:
                    st.error(str(error))
                else:
                    run_names_and_states.clear()
                    st.switch_page("train.py", query_params={"run": run_id})
