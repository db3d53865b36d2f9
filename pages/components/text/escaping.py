"""Escaping of untrusted text for Markdown, HTML and CSV; nothing else in the pages escapes text."""

import html
import re

import pandas as pd

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def escape_markdown(text: str) -> str:
    """`text` as one line of Markdown in which every character stands for itself."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def escape_html(text: str) -> str:
    """`text` for HTML content and quoted attributes, also in plotly's labels."""
    return html.escape(text)


def escape_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table for a CSV file, with no cell or heading that a spreadsheet reads as a formula."""
    return table.map(_escape_formula).rename(columns=_escape_formula)


def _escape_formula(value: object) -> object:
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if formula else value
