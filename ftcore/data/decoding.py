"""Bytes of text files as text: UTF-8, UTF-16, UTF-32, and windows-1252 where that is certain.

A wrong guess trains on other characters without a word, so only Western European text passes for
windows-1252, of which Latin-1 is a part; other files without a Unicode encoding are refused.
"""

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ftcore import validation
from ftcore.errors import UnfreezeError

UTF_8, WESTERN = "utf-8", "cp1252"
TITLES = {UTF_8: "UTF-8", WESTERN: "windows-1252"}
_MARKS = {  # UTF-32 first, as its mark begins like that of UTF-16
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r"))
_REPLACED = "\N{REPLACEMENT CHARACTER}"
# Damaged or control characters in any file, and one in so many of a long one; damaged files, likewise.
_FEW, _FEW_OF = 3, 100

# Of windows-1252: letters, symbols (and ÿ) that stand within no word and not in a row, low quotation marks.
_SMALL, _CAPITAL = "ß-öø-þœšž", "À-ÖØ-ÞŒŠŽŸ"
_SYMBOLS = bytes.fromhex(
    "80 82 83 84 86 87 88 89 8b 93 95 98 9b"
    "a1 a2 a3 a4 a5 a6 a7 a8 ac af b1 b2 b3 b6 b8 b9 ba bc bd be bf d7 f7 ff"
).decode(WESTERN)
_LOW = "\N{SINGLE LOW-9 QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
_IMPOSSIBLE = re.compile(
    rf"[{_SMALL}{_CAPITAL}{_SYMBOLS}]{{4,}}"
    rf"|(?<=[a-zA-Z{_SMALL}{_CAPITAL}])[{_SYMBOLS}](?=[a-z{_SMALL}])"
    rf"|(?<=[a-z{_SMALL}])[{_CAPITAL}{_LOW}¡¿]"
    r"|(?<!\w)[ÐÑ](?!\w)"  # dashes of Mac OS Roman
)
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_ALPHABETS = (  # the letters beyond a to z of the languages that windows-1252 was made for
    "àâæçéèêëîïôœùûüÿ",
    "äöüß",
    "áéíóúüñ",
    "àçèéíïòóúü",
    "áâãàçéêíóôõúü",
    "àèéìíîòóùú",
    "åäöæøéü",
    "äöõüåšž",
    "áéíóúýþæöð",
    "éëïóöüèá",
)
_COMMON, _COVERED = 0.01, 0.95  # share of such letters in a text, and of those in one alphabet


@dataclass(frozen=True)
class Decoded:
    """Texts, the encoding if all have the same, and what to say about how they were read."""

    texts: list[str]
    encoding: str
    notes: tuple[str, ...]


def decode(contents: Sequence[bytes], names: Sequence[str], things: str) -> Decoded:
    """Decode files that belong together, such as the reviews of a dataset; `things` names them.

    Byte order marks are removed. Up to a hundredth of a file's characters is replaced, and counted in
    a note. Raises UnfreezeError if a file is not text, or its encoding is not certain.
    """
    read = [_unicode(content) for content in contents]
    others = [content for content, result in zip(contents, read, strict=True) if result is None]
    western = bool(others) and _is_western(b"\n".join(others))
    texts: list[str] = []
    encodings: Counter[str] = Counter()
    replaced = damaged = 0
    for content, name, result in zip(contents, names, read, strict=True):
        text, encoding, count = result or _decode(content, WESTERN if western else UTF_8)
        if count + _controls(text, content, encoding) > max(_FEW, len(text) // _FEW_OF):
            raise UnfreezeError(
                f"The encoding of {validation.printable(name)} is not certain, or it is not text: "
                "save it as UTF-8."
            )
        texts.append(text)
        encodings[encoding] += bool(text)
        replaced, damaged = replaced + count, damaged + bool(count)
    if damaged > max(_FEW, len(contents) // _FEW_OF):  # not damage, but another encoding
        raise UnfreezeError(
            f"The encoding of {damaged:,} of {len(contents):,} {things} is not certain: "
            "save them as UTF-8."
        )
    notes = [_encoding_note(encodings, encoding, names, things) for encoding in sorted(encodings)]
    if replaced:
        where = names[0] if len(names) == 1 else f"{damaged:,} of {len(names):,} {things}"
        characters, were = ("character", "was") if replaced == 1 else ("characters", "were")
        notes.append(
            f"{replaced:,} {characters} in {where} did not fit the encoding and {were} replaced."
        )
    used = [encoding for encoding, count in encodings.items() if count] or [UTF_8]
    return Decoded(texts, used[0] if len(used) == 1 else "", tuple(filter(None, notes)))


def western_words(words: Sequence[bytes]) -> list[str]:
    """Return words that are no UTF-8 in windows-1252 if that is certain, else none."""
    return [word.decode(WESTERN) for word in words] if _is_western(b"\n".join(words)) else []


def title(encoding: str) -> str:
    """Return the usual name of an encoding."""
    return TITLES.get(encoding, encoding.rpartition("-")[0].upper())


def marked(start: bytes) -> tuple[str, bytes]:
    """Return the encoding that the first bytes of a file state, and its mark; "" if they state none."""
    return next(
        ((encoding, mark) for mark, encoding in _MARKS.items() if start.startswith(mark)), ("", b"")
    )


def by_zeros(content: bytes) -> str:
    """Return the UTF-16 or UTF-32 whose zero bytes these are, or "" if they are of neither.

    Spaces, line breaks and Latin letters leave all their zeros at the same place of each character.
    """
    for width, order in ((4, "le"), (4, "be"), (2, "le"), (2, "be")):
        count, rest = divmod(len(content), width)
        high, *others = [content[place::width].count(0) for place in range(width)][
            :: -1 if order == "le" else 1
        ]
        often = count // 20  # characters; words are shorter in most languages
        if not rest and high > often > others[-1] and (width == 2 or others[0] > 0.9 * count):
            return f"utf-{width * 8}-{order}"
    return ""


def _unicode(content: bytes) -> tuple[str, str, int] | None:
    """Decode bytes that have few errors as Unicode (see `_decode`); None if they are something else."""
    encoding, mark = marked(content)
    if not encoding and 0 in content:
        encoding = by_zeros(content)
    text, _, replaced = decoded = _decode(content[len(mark) :], encoding or UTF_8)
    if encoding or not replaced:
        return decoded
    beyond_ascii = sum(character > "\x7f" for character in text) - replaced
    return decoded if beyond_ascii > replaced else None


def _decode(content: bytes, encoding: str) -> tuple[str, str, int]:
    """Return the text, its encoding, and how many characters had to be replaced."""
    try:
        return content.decode(encoding), encoding, 0
    except UnicodeDecodeError:
        text = content.decode(encoding, "replace")
        return text, encoding, text.count(_REPLACED)


def _controls(text: str, content: bytes, encoding: str) -> int:
    """Return the number of control characters, of which text has hardly any."""
    if encoding not in (UTF_8, WESTERN):
        content = text.encode("utf-8", "replace")
    return len(content) - len(content.translate(None, _CONTROLS))


def _is_western(content: bytes) -> bool:
    """Whether bytes are words of a Western European language in windows-1252."""
    runs = _BEYOND_ASCII.findall(content)
    pairs = sum(len(run) % 2 == 0 for run in runs)
    if (
        0 in content or pairs > len(runs) / 2
    ):  # of UTF-16, of a Chinese, Japanese or Korean encoding
        return False
    try:
        text = content.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text.lower() if character > "\x7f"]
    impossible = sum(len(match[0]) for match in _IMPOSSIBLE.finditer(text))
    if impossible > (1 - _COVERED) * len(foreign):
        return False
    letters = Counter(character for character in foreign if character.isalpha())
    if letters.total() <= _COMMON * sum(map(str.isalpha, text)):
        return True  # names in an English text
    covered = (sum(letters[letter] for letter in alphabet) for alphabet in _ALPHABETS)
    return max(covered) >= _COVERED * letters.total()


def _encoding_note(
    encodings: Counter[str], encoding: str, names: Sequence[str], things: str
) -> str:
    """Return a sentence about files in another encoding than UTF-8; empty if there are none."""
    count = encodings[encoding]
    if encoding == UTF_8 or not count:
        return ""
    if len(names) == 1:
        return f"{names[0]} was read in the encoding {title(encoding)}."
    return f"{count:,} of {len(names):,} {things} were read in the encoding {title(encoding)}."
