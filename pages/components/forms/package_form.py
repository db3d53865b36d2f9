"""The form that imports a package: a zip that `export --format zip`, or "Take it away", made."""

import streamlit as st

from ftcore.exchange.package.export import SUFFIX
from ftcore.storage import scratch
from pages.components.forms.import_form import file_input, local_file
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown


def package_form() -> None:
    """Draw the form; import when it is submitted."""
    st.markdown(
        "A package that Unfreeze made elsewhere, under Take it away. Its run comes along, with curves and "
        "figures."
    )
    with st.form("import_package"):
        source = file_input("Package", "Path of the .zip", [SUFFIX[1:]], "import_package")
        help = "Empty keeps the name in the package."
        name = st.text_input("Name", key="import_package_name", max_chars=60, help=help)
        if st.form_submit_button("Import the package", type="primary", icon=":material/upload:"):
            with show_errors(), scratch.temporary() as folder:
                from ftcore.exchange.package.importing import import_package

                task = import_package(local_file(source, folder), name.strip())
                with st.spinner("Importing …"):
                    checkpoint = run_task(task)
                st.success(f"Ready: {escape_markdown(checkpoint.title)}.")
                if checkpoint.kind == "run":
                    address = {"run": checkpoint.ref}
                    icon = ":material/show_chart:"
                    st.page_link("train.py", label="Its run", icon=icon, query_params=address)
