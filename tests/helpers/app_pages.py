"""Pages of the dashboard, opened and read through Streamlit's AppTest."""

import json
import re
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from tests.helpers.waiting import PATIENCE

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


def open_page(
    name: str = "", *, session: dict[str, Any] | None = None, **query: str | list[str]
) -> AppTest:
    """The page `name`, or the first one, run once at an address with this query."""
    app = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    for key, value in (session or {}).items():
        app.session_state[key] = value
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"{name}.py").run() if name else app.run()


def button(app: AppTest, label: str) -> Button:
    """The first button with this label."""
    return next(button for button in app.button if button.label == label)


def button_labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


def press(app: AppTest, label: str) -> AppTest:
    """Click the first button with this label."""
    return button(app, label).click().run()


def html(app: AppTest) -> list[str]:
    """What each `st.html` of the page shows."""
    return [element.proto.body for element in app.get("html")]


def text(app: AppTest) -> str:
    """All text of the page as a reader sees it: Markdown without its backslashes, and HTML."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption]
    elements += [*app.error, *app.info, *app.success, *app.warning]
    lines = [element.value for element in elements] + html(app)
    return re.sub(r"\\(\W|_)", r"\1", "\n".join(lines))


def chart_header(app: AppTest) -> dict[str, Any]:
    """The JSON header of the data that the page's first live chart received."""
    data = app.get("bidi_component")[0].proto.bytes
    length = int.from_bytes(data[:4], "little")
    header: dict[str, Any] = json.loads(data[4 : 4 + length])
    return header
