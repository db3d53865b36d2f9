"""The tokenizers: what looks like a known word is read as that word, and the earlier one stays as it was."""

import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st
from torchtext.data.utils import get_tokenizer

from ftcore.errors import UnfreezeError
from ftcore.text import word_rules
from ftcore.text.word_rules import CURRENT, EARLIER

APOSTROPHES = "'`\xb4\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02c8\u055a\u07f4"
APOSTROPHES += "\u1fbd\u1fef\u1ffd\ua78c\uff07\uff40\x91\x92"
QUOTES = "\u201c\u201d\u201e\u201f\xab\xbb\u2033\u2036\u275d\u275e\u301d\uff02\x93\x94"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\x96\x97"
INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u00ad\u2060\u202a\u202e\u2066\u2069\u061c\u180e"
INVISIBLE += "\ufe0e\ufe0f\u034f\u3164\uffa0\U000e0100\U000e0041\0\x01\x1b\x7f\x81\x9f"
SPACES = "\t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u2003\u2009\u2028\u2029\u202f\u205f\u3000"

read = CURRENT.tokenize
MARKS = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(char) in ("Cc", "Cf", "Cs") or unicodedata.category(char)[0] in "PSZ"
]
MARKS += "\ue000\uf0b7\uf8ff\u0378\uffff\U000e0fff\U0010ffff"  # private use, unassigned


def test_a_known_word_stays_known_beside_every_mark_space_and_control():
    changed = [
        f"U+{ord(char):04X}"
        for char in MARKS
        if read(f"{char}great.great{char}").count("great") < 2
    ]
    assert len(MARKS) > 8_000 and changed == []


@pytest.mark.parametrize("char", APOSTROPHES, ids=ascii)
def test_look_alikes_of_the_apostrophe_are_apostrophes(char):
    assert read(f"isn{char}t") == ["isn", "'", "t"]


@pytest.mark.parametrize(
    ("chars", "plain"),
    [(QUOTES, '"'), (DASHES, "-"), (INVISIBLE, ""), ("\u2026", "..."), (SPACES[:7], " ")],
)
def test_typographic_forms_are_read_like_plain_ones(chars, plain):
    for char in chars:
        if (
            char == "\x85"
        ):  # a line end in Latin-1, an ellipsis in Windows-1252; it parts words either way
            continue
        for text in ("great{}film", "a {}great{} film", "fine {} film", "{}"):
            written = text.replace("{}", char)
            assert read(written) == read(text.replace("{}", plain)), ascii(written)


@pytest.mark.parametrize("char", SPACES, ids=ascii)
def test_odd_spaces_part_words(char):
    assert read(f"great{char}film") == ["great", "film"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "#great *film* _and_ ~fine~ and/or A&B",
            "# great * film * _ and _ ~ fine ~ and / or a & b",
        ),
        ("well-known", "well - known"),
        ("\uff27\uff52\uff45\uff41\uff54\uff01", "great !"),  # fullwidth
        ("\U0001d420\U0001d42b\U0001d41e\U0001d41a\U0001d42d", "great"),  # mathematical bold
        ("g\u0332r\u0336eat o\ufb03ce", "great office"),  # underlined, struck out, ligature
        (
            "Cafe\u0301 Caf\u00e9 caf\u200de\u0301 CAFE\u0301",
            "caf\u00e9 caf\u00e9 caf\u00e9 caf\u00e9",
        ),
        ("1\u00bd \u2154 great\u00b2", "1 1 / 2 2 / 3 great 2"),
        ("It\x92s \x93great\x94", "it ' s great"),  # Windows-1252 taken for Latin-1
        ("\u0149 \u2a74", "' n ="),  # whose plain forms are 'n and ::=
        ("a=\u0338b", "a = b"),
        ("fine<BR/>film<br>end<br />", "fine film end"),
        ("\U0001f44d\U0001f3fdgreat\u2764\ufe0f", "\U0001f44d \U0001f3fd great \u2764"),
    ],
)
def test_tokens_of_the_current_tokenizer(text, tokens):
    assert read(text) == tokens.split()


@given(st.text(max_size=60) | st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_forms_have_no_others(text):
    """Reading the tokens again changes nothing; no token mixes letters and marks."""
    tokens = read(text)
    assert read(" ".join(tokens)) == tokens
    for token in tokens:
        categories = {unicodedata.category(char)[0] for char in token}
        assert len(token) == 1 or categories <= set("LMN"), token


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_texts_in_ascii_are_read_alike_by_the_fast_and_the_general_path(text):
    assert read(text) == [token for token in read(f"{text} \u00e9") if token != "\u00e9"]


@given(st.text(max_size=60))
def test_the_earlier_tokenizer_is_the_lessons(text):
    assert EARLIER.tokenize(text) == get_tokenizer("basic_english")(text)


@given(st.text("abz AZ019.,!?()';:\n\t", max_size=60))
def test_plain_texts_are_read_as_before(text):
    assert read(text) == EARLIER.tokenize(text)


def test_tokenizers_are_found_by_name():
    assert [word_rules.find(name) for name in ("basic_english", "basic_english-2")] == [
        EARLIER,
        CURRENT,
    ]
    with pytest.raises(UnfreezeError, match="'of tomorrow' is unknown here: update"):
        word_rules.find("of tomorrow")
