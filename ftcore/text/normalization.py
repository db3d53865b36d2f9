"""Typographic forms to plain ones, so that what looks like a word is read as that word.

Compatibility forms (NFKC) become plain letters, accents one character with their letter. Invisible
characters are dropped, look-alikes of apostrophes, quotation marks and dashes become the plain ones, and
everything that is no letter, digit or accent stands alone between spaces, as in BERT's basic tokenizer. The
look-alikes are those of Lucene's ASCIIFoldingFilter and of Unicode's list of confusable characters.
"""

import re
import unicodedata

# Letters of other scripts that look like an apostrophe are left out.
_APOSTROPHES = (
    "'`\xb4\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u275b\u275c\u276e\u276f\uff07\uff40"
    "\u02b9\u02bb\u02bc\u02bd\u02be\u02c8\u02ca\u02cb\u02f4\u0374\u0384\u055a\u055d\u05f3\u07f4\u07f5"
    "\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\ua78b\ua78c"
)
_QUOTES = (  # dropped, as by basic_english
    '"\xab\xbb\u201c\u201d\u201e\u201f\u2033\u2036\u2034\u2037\u2057\u275d\u275e\u301d\u301e\u301f'
    "\u3003\uff02\u02ba\u02dd\u02ee\u02f6\u05f4"
)
_DASHES = "-\u2212\u2043\u02d7\u2796\u207b\u208b"  # besides the category of dashes
_SLASHES = "/\u2044\u2215\u29f8"
# Fillers, variation selectors, strokes and underlines: Unicode calls them letters and marks.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(
    chr(code)
    for first, last in ((0x332, 0x338), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
)
_READ_BY_BASIC_ENGLISH = ".,()!?;:'"  # as words of their own or, the colons, as spaces


class _PlainForms(dict[int, str]):
    """For `str.translate`: each character's plain form, found when it is first met."""

    def __missing__(self, code: int) -> str:
        form = self[code] = plain_form(chr(code))
        return form


def normalize(text: str) -> str:
    """Return a text in plain forms. `basic_english` then puts it in lower case and splits it."""
    if text.isascii():  # most texts, and many times as fast
        return _ASCII.sub(_ascii_form, _LINE_BREAK.sub(" ", text))
    # Compatibility forms may hold further typographic ones: ŉ has an apostrophe, ½ a stroke.
    forms = _LINE_BREAK.sub(" ", text).translate(_FORMS)
    return unicodedata.normalize("NFKC", forms).translate(_FORMS)


def _ascii_form(match: re.Match[str]) -> str:
    return _ASCII_FORMS[match[0]]


def plain_form(char: str) -> str:
    if char.isspace():
        return " "
    if "\x80" <= char <= "\x9f":  # Latin-1 of what was Windows-1252, as in the IMDB reviews
        char = char.encode("latin-1").decode("cp1252", "ignore")
        if unicodedata.category(char or "\0")[0] not in "PS":
            return ""
    category = unicodedata.category(char)
    if category in ("Cc", "Cf") or char in _INVISIBLE:
        return ""
    if category[0] == "Z" or char in _QUOTES or char == "\u2800":  # an empty Braille cell
        return " "
    if char in _APOSTROPHES:
        return "'"
    if category == "Pd" or char in _DASHES:
        return " - "
    if char in _SLASHES:
        return " / "
    is_word = category[0] in "LMN" and category not in ("Me", "No")  # 1½ is not 11/2
    return char if is_word or char in _READ_BY_BASIC_ENGLISH else f" {char} "


_FORMS = _PlainForms()
_LINE_BREAK = re.compile(r"<[Bb][Rr]\s*/?>")  # of HTML, as in the IMDB reviews
_ASCII_FORMS = {
    char: form
    for char in map(chr, range(128))
    if (form := plain_form(char)) != char and not char.isspace()
}
_ASCII = re.compile(f"[{re.escape(''.join(_ASCII_FORMS))}]")
