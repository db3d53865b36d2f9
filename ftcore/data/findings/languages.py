"""In which languages texts are: by script, and in Latin letters by function words.

Made for one question, whether a model reads the language of most texts; where a text gives no answer, none
is given. docs/decisions.md says what libraries would cost.
"""

import functools
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ftcore.data.findings import shingles
from ftcore.data.findings.finding import Column, Finding, take
from ftcore.formatting import listing

SAMPLE = 2000  # texts that are looked at, evenly spread
_FEW = 20  # texts with an answer, below which nothing is said
_SHARE = 0.05  # of the texts with an answer that a language must have to be named
_HITS = 3  # function words that a text needs, twice as many as for any other language
_READ = 2000  # characters of a text that are looked at
_LATIN = "LATIN"
_SCRIPTS = {  # the first word of a letter's Unicode name
    "ARABIC": "Arabic script",
    "CYRILLIC": "Cyrillic script",
    "GREEK": "Greek",
    "HEBREW": "Hebrew script",
    "DEVANAGARI": "Devanagari script",
    "BENGALI": "Bengali script",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese",
}


def shares(texts: Column) -> dict[str, float]:
    """Return the share of each language or script among texts that show theirs, the greatest first.

    Empty if too few do.
    """
    counts = Counter(filter(None, map(language_of, _sample(texts))))
    total = counts.total()
    if total < _FEW:
        return {}
    return {name: count / total for name, count in counts.most_common() if count / total >= _SHARE}


def other_languages(texts: Column, known: Sequence[str] = ("English",)) -> Finding | None:
    """Find languages other than those a model knows."""
    other = {name: share for name, share in shares(texts).items() if name not in known}
    if not other:
        return None
    named = listing([f"{name} ({share:.0%})" for name, share in other.items()])
    sentence = (
        f"There are texts in {named}, as far as their language is clear. A model for {listing(known)} "
        "hardly reads them: choose a checkpoint for their language, or a multilingual one."
    )
    return Finding(
        "language", sentence, round(sum(other.values()) * len(texts)), action="other-model"
    )


def language_of(text: str) -> str:
    """Return the language or script of a text, "" if it is not clear."""
    scripts = Counter(map(_script, filter(str.isalpha, text[:_READ])))
    if not scripts:
        return ""
    if scripts["HIRAGANA"] + scripts["KATAKANA"]:  # written together with Chinese characters
        return "Japanese" if 2 * (scripts.total() - scripts[_LATIN]) > scripts.total() else ""
    script, letters = scripts.most_common(1)[0]
    if 2 * letters <= scripts.total():
        return ""
    return _by_words(shingles.words(text[:_READ])) if script == _LATIN else _SCRIPTS.get(script, "")


def _by_words(words: Iterable[str]) -> str:
    table = _function_words()
    hits = Counter(table[word] for word in words if word in table)
    (first, most), (_, next_most) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    return first if most >= _HITS and most >= 2 * next_most else ""


@functools.cache
def _function_words() -> dict[str, str]:
    """The language of each function word that only one language has."""
    content = tomllib.loads(Path(__file__).with_name("languages.toml").read_text("utf-8"))
    counts = Counter(word for words in content.values() for word in words.split())
    return {
        word: language
        for language, words in content.items()
        for word in words.split()
        if counts[word] == 1
    }


@functools.lru_cache(maxsize=10_000)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _sample(texts: Column) -> Iterable[str]:
    step = max(1, len(texts) // SAMPLE)
    for row in range(0, len(texts), step):
        yield from take(texts, row, row + 1)
