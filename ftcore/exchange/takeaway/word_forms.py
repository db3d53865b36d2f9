"""The plain form of every character, as ranges that a page's tokenizer of words looks characters up in.

A browser has categories of characters too, but of another version of Unicode.
"""

import sys

from ftcore.text.normalization import plain_form
from ftcore.text.word_rules import CURRENT, WordRule

ITSELF = "\0"  # stands for the character in its form


def ranges(rule: WordRule) -> list[tuple[int, str]] | None:
    """First code and form of each range, in order; None for a rule that leaves characters as they are."""
    if rule is not CURRENT:
        return None
    found: list[tuple[int, str]] = []
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        form = plain_form(char).replace(char, ITSELF)
        if not found or found[-1][1] != form:
            found.append((code, form))
    return found
