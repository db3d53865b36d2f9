"""Text files in UTF-8, UTF-16, UTF-32 and windows-1252, in others, and files that are no text."""

import codecs
import os

import pytest
from hypothesis import given, strategies as st

from ftcore.data.decoding import decode
from ftcore.errors import UnfreezeError
from tests.helpers.fuzzing import examples

ENGLISH = "Said \u201cdon\u2019t\u201d \u2013 it\u2019s a na\u00efve film, \u20ac5 at the caf\u00e9\u2026\n"
FRENCH = "Le film était très réussi, même si la fin m'a déçu. Où est Noël ?\n"
GERMAN = "Großartig, die Sätze überzeugen, schön für Kinder.\n"
SPANISH = "¡La película fue magnífica! ¿Por qué no? El niño vio mañana.\n"
SWEDISH = "Filmen var underbar, skådespelarna utmärkta och berättelsen rörde.\n"
CZECH = "Příliš žluťoučký kůň. Film byl skvělý, herci výborní.\n"
POLISH = "Film był świetny, aktorzy znakomici, aż do łez, żółć.\n"
HUNGARIAN = "A film nagyszerű volt, a színészek kitűnőek, a történet meghatott.\n"
TURKISH = "Film harikaydı, oyuncular çok iyiydi ve gözyaşlarına boğdu. Işık güzeldi.\n"  # noqa: RUF001
RUSSIAN = "Фильм был великолепен.\n"
CHINESE = "这部电影非常精彩，演员出色。\n"  # noqa: RUF001
JAPANESE = "この映画は素晴らしかった。\n"


def one(content: bytes) -> tuple[str, str, tuple[str, ...]]:
    decoded = decode([content], ["a.csv"], "files")
    return decoded.texts[0], decoded.encoding, decoded.notes


@pytest.mark.parametrize("repeat", [1, 30])
@pytest.mark.parametrize("text", [ENGLISH, FRENCH, GERMAN, SPANISH, SWEDISH])
def test_western_text_is_read_in_windows_1252_and_noted(text, repeat):
    note = "a.csv was read in the encoding windows-1252."
    assert one((text * repeat).encode("cp1252")) == (text * repeat, "cp1252", (note,))


UNICODE = ["utf-8-sig", "utf-16", "utf-32"]
UNMARKED = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ["utf-8", *UNICODE, *UNMARKED])
@pytest.mark.parametrize("text", [ENGLISH, FRENCH, RUSSIAN])
def test_unicode_is_read_without_its_mark(text, encoding):
    decoded, _, notes = one(text.encode(encoding))
    assert decoded == text
    assert [note.rpartition(" ")[2] for note in notes] == (
        [] if "8" in encoding else [f"{encoding[:6].upper()}."]
    )


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CZECH, "cp1250"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (HUNGARIAN, "cp1250"),
        (TURKISH, "cp1254"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (CHINESE, "gbk"),
        (CHINESE, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (ENGLISH, "mac_roman"),
        (FRENCH, "cp850"),
    ],
)
def test_encoding_that_is_not_certain_is_refused(text, encoding):
    with pytest.raises(UnfreezeError, match=r"encoding of a\.csv is not certain.*UTF-8"):
        one((text * 30).encode(encoding, "replace"))


APOSTROPHES = (
    "I don\u2019t think it\u2019s a \u201cgood\u201d film, but they\u2019re not bored by it.\n"
)
DASHES = (
    "The film \u2014 a gem \u2014 is the best that I have seen in years, and so are the actors.\n"
)
ACCENTS = (
    "We sat in the caf\u00e9 and talked of the film that all had seen the other day in town.\n"
)


@pytest.mark.parametrize("repeat", [1, 30])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (APOSTROPHES, "gbk"),
        (APOSTROPHES, "big5"),
        (APOSTROPHES, "euc-jp"),
        (APOSTROPHES, "euc-kr"),
        (APOSTROPHES, "iso8859-13"),
        (DASHES, "mac_roman"),
        (DASHES, "gbk"),
        (DASHES, "shift_jis"),
        (ACCENTS, "gbk"),
    ],
)
def test_english_text_with_few_other_characters_is_not_guessed(text, encoding, repeat):
    text = text.replace("\u2014", "\u2015") if encoding == "shift_jis" else text
    content = (text * repeat).encode(encoding)
    with pytest.raises(UnfreezeError, match=r"encoding of 40 of 40 files is not certain|not text"):
        decode([content] * 40, [str(n) for n in range(40)], "files")


@pytest.mark.parametrize(
    "word", ["caf\u00e9".encode("mac_roman"), "caf\u00e9".encode("cp437"), b"\x89f\x89\xe6"]
)
def test_a_few_damaged_characters_in_every_file_are_another_encoding(word):
    contents = [b"We talked of " + word + b" in town."] * 40
    with pytest.raises(
        UnfreezeError, match=r"of 40 of 40 reviews is not certain: save them as UTF-8"
    ):
        decode(contents, [str(n) for n in range(40)], "reviews")
    few = decode([contents[0], *[b"plain"] * 39], [str(n) for n in range(40)], "reviews")
    assert "in 1 of 40 reviews did not fit the encoding and w" in few.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + os.urandom(5_000),
        bytes(5_000),
        b"%PDF-1.7\n" + bytes(range(256)) * 20,
        "text".encode("utf-16") + b"\x00\xd8" * 50,
    ],
    ids=range(4),
)
def test_file_that_is_no_text_is_refused(content):
    with pytest.raises(UnfreezeError, match="or it is not text"):
        one(content)


def test_few_damaged_characters_are_replaced_and_counted():
    text = ENGLISH * 10
    content = text.encode()
    damaged = content.replace("\u00ef".encode(), b"\xef", 1) + b"\xe2\x80\n"
    decoded, encoding, notes = one(damaged)
    assert decoded == text.replace("\u00ef", "\ufffd", 1) + "\ufffd\n"
    assert encoding == "utf-8"
    assert notes == ("2 characters in a.csv did not fit the encoding and were replaced.",)


def test_files_are_judged_together():
    """One letter proves nothing, all reviews of a folder do."""
    names = [f"{n}.txt" for n in range(40)]
    western = [FRENCH.encode("cp1252")] * 30 + [b"caf\xe9"] * 5
    mixed = decode([*western, *["\u00e9t\u00e9".encode()] * 4, b"plain"], names, "reviews")
    assert mixed.texts[30:36] == ["caf\u00e9"] * 5 + ["\u00e9t\u00e9"]
    assert mixed.encoding == ""
    assert mixed.notes == ("35 of 40 reviews were read in the encoding windows-1252.",)
    turkish = [TURKISH.encode("cp1254")] * 39 + [b"caf\xe9"]
    with pytest.raises(UnfreezeError, match=r"encoding of 0\.txt"):
        decode(turkish, names, "reviews")


@given(st.lists(st.binary(max_size=60), max_size=3))
@examples(200)
def test_any_bytes_are_read_or_refused(contents):
    marks = [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b""]
    names = [str(number) for number in range(len(contents))]
    for mark in marks:
        try:
            decoded = decode([mark + content for content in contents], names, "files")
        except UnfreezeError as error:
            assert str(error).endswith("save it as UTF-8.")
        else:
            assert len(decoded.texts) == len(contents)
            assert "".join(decoded.texts).encode() is not None
