"""Checkpoints: the list, what each is made of, and forms that import or pretrain another."""

import streamlit as st

from ftcore import formatting
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.text import word_rules
from pages.components.charts.palette import BADGES
from pages.components.forms import settings_form
from pages.components.forms.checkpoint_picker import CheckpointChoice, checkpoint_choices
from pages.components.forms.delete_buttons import delete_buttons
from pages.components.forms.encoder_form import encoder_form
from pages.components.forms.import_form import import_form
from pages.components.forms.package_form import package_form
from pages.components.forms.pretrain_form import pretrain_form
from pages.components.forms.take_away import take_away_button
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown
from pages.components.text.labels import accuracy_title

PAGE_SIZE = 12  # cards
HEADINGS = {"bundled": "Comes with Unfreeze", "imported": "Imported", "run": "Trained here"}

st.title("Checkpoints", anchor=False)
list_tab, encoder_tab, import_tab, pretrain_tab = st.tabs(
    ["All", "Add an encoder", "Import", "Pretrain"], key="checkpoints_tab", on_change="rerun"
)


def accuracy(checkpoint: Checkpoint) -> str:
    """The accuracy on the test set, otherwise on the validation split, as Markdown."""
    if not checkpoint.labels:
        return "Pretrained on general text, no last layer yet"
    data = escape_markdown(datasets.title(checkpoint.dataset))
    several = ", exact match" if checkpoint.thresholds else ""
    for metric, part in (("test_accuracy", "test set"), ("val_accuracy", "validation")):
        if metric in checkpoint.metrics:
            return f"**{formatting.percent(checkpoint.metrics[metric])}** {data}, {part}{several}"
    return f"{data}, not measured"


def title(ref: str) -> str:
    """The title of a checkpoint, or its ref if it is gone."""
    return choices[ref].title if ref in choices else ref


def group(choice: CheckpointChoice) -> str:
    """Where a checkpoint came from: its kind, and a run that came in a package was imported."""
    return "imported" if choice.imported else choice.checkpoint.kind


def card(choice: CheckpointChoice) -> None:
    """Draw a checkpoint's key facts, and buttons for what can be done with it."""
    checkpoint = choice.checkpoint
    heading = f"**{escape_markdown(choice.title)}** {choice.badge}"
    if choice.status not in ("finished", "running"):
        heading += f" :{BADGES[choice.status]}-badge[{choice.status}]"
    facts = [
        f"{checkpoint.model.parameters / 1e6:.1f} M parameters",
        formatting.size(checkpoint.bytes),
    ]
    if checkpoint.parent:
        facts.insert(0, f"From {escape_markdown(title(checkpoint.parent))}")
    ref = checkpoint.ref
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(heading, width="stretch")
        options = {"type": "tertiary", "icon": ":material/delete:", "help": "Delete"}
        if checkpoint.kind != "bundled" and st.button("", key=f"delete-{ref}", **options):
            confirm_delete(choice)
    st.markdown(accuracy(checkpoint))
    labels = f"{escape_markdown(', '.join(checkpoint.labels))}  \n" if checkpoint.labels else ""
    st.caption(f"{labels}{' · '.join(facts)}")
    with st.container(horizontal=True, gap="xsmall"):
        if st.button("Fine-tune", key=f"tune-{ref}", icon=":material/play_circle:"):
            settings_form.initialize()
            settings_form.choose_checkpoint(ref)
            st.switch_page("train.py")
        if checkpoint.labels and st.button("Predict", key=f"predict-{ref}", icon=":material/chat:"):
            st.switch_page("predict.py", query_params={"model": ref})
        take_away_button(checkpoint, key=f"take-{ref}")
        if st.button("Details", key=f"details-{ref}", type="tertiary"):
            drawer = st.dialog(escape_markdown(choice.title), width="medium", position="right")
            drawer(details)(checkpoint)


def details(checkpoint: Checkpoint) -> None:
    """Draw everything that is known of a checkpoint."""
    if checkpoint.card:
        st.markdown(checkpoint.card)
    if checkpoint.kind == "run":
        address = {"run": checkpoint.ref}
        st.page_link(
            "train.py", label="Its run", icon=":material/show_chart:", query_params=address
        )
    groups = checkpoint.model.group_sizes()
    rule = word_rules.RULES.get(checkpoint.tokenizer)
    reads = f"{checkpoint.max_length} tokens"
    if checkpoint.tail:
        from_end = checkpoint.max_length - checkpoint.truncation.head
        reads += f", {from_end} of them from the end"
    on_disk = formatting.size(checkpoint.bytes)
    if checkpoint.words != checkpoint.ref:
        rest = "its words" if rule else "the rest"
        on_disk += f", {rest} in {checkpoint.words}"
    right = accuracy_title(bool(checkpoint.thresholds)).lower()
    facts = {
        "Classes": ", ".join(checkpoint.labels),
        "Learned from": datasets.title(checkpoint.dataset),
        "Started from": " ← ".join(map(title, ancestors(checkpoint))),
        "Training": checkpoint.origin.get("trains", ""),
        f"Test {right}": formatting.percent(checkpoint.metrics.get("test_accuracy")),
        f"Validation {right}": formatting.percent(checkpoint.metrics.get("val_accuracy")),
        "Parameters": formatting.count(checkpoint.model.parameters),
        **{f"… {name}": formatting.count(size) for name, size in groups.items()},
        "Attention heads": str(checkpoint.model.heads),
        "Reads at most": reads,
        "Tokenizer": f"{rule.name}: {rule.description}" if rule else checkpoint.tokenizer,
        "On disk": on_disk,
        "Calibrated": calibrated(checkpoint),
        "Name for the command line": checkpoint.ref,
    }
    unknown = ("", formatting.MISSING)
    shown = {name: escape_markdown(fact) for name, fact in facts.items() if fact not in unknown}
    st.table(shown, border="horizontal")


def calibrated(checkpoint: Checkpoint) -> str:
    """Its calibration in words, empty if it has none."""
    try:
        kept = calibration.read(checkpoint)
    except UnfreezeError as error:
        return str(error)
    if kept is None:
        return ""
    return (
        f"temperature {kept.temperature:.2f}, labels at {formatting.short_percent(kept.target)}, from "
        f"{kept.validation_texts:,} validation texts"
    )


def ancestors(checkpoint: Checkpoint) -> list[str]:
    """The refs of its parent, the parent's parent and so on."""
    refs = [checkpoint.parent]
    while refs[-1] in choices and choices[refs[-1]].checkpoint.parent not in refs:
        refs.append(choices[refs[-1]].checkpoint.parent)
    return list(filter(None, refs))


@st.dialog("Delete for good?")
def confirm_delete(choice: CheckpointChoice) -> None:
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    ref = choice.checkpoint.ref
    st.markdown(f"**{escape_markdown(choice.title)}**, {formatting.size(choice.checkpoint.bytes)}")
    if choice.checkpoint.kind == "run":
        st.caption("Its run stays, with all curves and figures.")
    delete_buttons(
        lambda: tracking.checkpoint_dependents(ref), lambda: scheduler.delete_checkpoint(ref)
    )


def cards(choices_of_group: list[CheckpointChoice], name: str) -> None:
    """Draw one page of cards, and the choice of the page below them."""
    above = st.container()
    pages = -(-len(choices_of_group) // PAGE_SIZE)
    page = st.pagination(pages, key=f"checkpoints_{name}") if pages > 1 else 1
    with above, st.grid(columns=3, min_column_width=300, border=True) as grid:
        for choice in choices_of_group[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            with grid.cell():
                card(choice)


if list_tab.open:
    with list_tab:
        choices = None
        with show_errors(), st.spinner("Reading …"):  # imports MLflow for the names of runs
            choices = checkpoint_choices()
        if choices is None:
            st.stop()
        if not choices:
            st.info("None yet. Pretrain one on AG News, or import the lesson's.")
        for name, heading in HEADINGS.items():
            of_group = [choice for choice in choices.values() if group(choice) == name]
            if of_group:
                st.subheader(heading, anchor=False)
                cards(of_group, name)

if encoder_tab.open:
    with encoder_tab, st.container(width=720):
        if encoder := encoder_form():
            name = escape_markdown(encoder.ref)
            st.success(
                f"Imported as {name}. It is a checkpoint to start from, on Train and Compare."
            )

if import_tab.open:
    with import_tab, st.container(width=720):
        st.subheader("A package", anchor=False)
        package_form()
        st.subheader("The lesson's model", anchor=False)
        import_form()

if pretrain_tab.open:
    with pretrain_tab, st.container(width=720):
        pretrain_form()
