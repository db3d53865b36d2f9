"""The built-in sample: synthetic film reviews written by the grammar in sample_grammar.toml.

It shows the difference between training all layers and the last layer. Most reviews contain both
praise and blame, and word order decides which counts ("the plot is clever, but this is a dull
film", "anything but dull"), so counting words is not enough. An accuracy on the sample says
nothing about real reviews.

A sentence is a frame with slots relative to the label of the review, so that a frame serves both:

    {+}  {-}        an adjective that agrees with the label, or contradicts it
    {mild-}         one that fits after "never": "never awful" would be faint praise
    [this|that]     `this` in a positive review, `that` in a negative one
    <this/that>     either, at random
    {1} {1n} {1a} {1is} {1it} {1+} {1-}     an aspect: "the script", "script", "a" ("" before
                    "dialogue" or "sets"), "is", "it", and adjectives that fit it

Some pairs of a frame and a word occur in test reviews only, though each of the two occurs in
training, so that memorizing sentences is not enough.
"""

import functools
import random
import re
import tomllib
import zlib
from pathlib import Path

from ftcore.data.text_dataset import Content, DatasetSpec, Texts
from ftcore.events import Task

_HELD_OUT = 20  # one in this many pairs of a frame and a word occurs in test reviews only
_GRAMMAR = tomllib.loads(Path(__file__).with_name("sample_grammar.toml").read_text("utf-8"))
_SLOT = re.compile(r"\{([^}]*)\}|\[([^|\]]*)\|([^]]*)\]|<([^>]*)>")


class _Writer:
    """Writes one review. `pairs` are the combinations of a frame and a word in it."""

    def __init__(self, rng: random.Random, label: int) -> None:
        self.rng, self.label = rng, label
        self.genre = rng.choice(list(_GRAMMAR["genres"]))
        self.names = [rng.choice(("film", "movie")), self.genre]
        self.pairs: list[tuple[str, str]] = []
        self._used: set[str] = set()  # no adjective or aspect is repeated

    def review(self) -> str:
        """Return a sentence that decides the label, and up to three more."""
        shares = _GRAMMAR["shares"]
        kind = self.rng.choices(list(shares), list(shares.values()))[0]
        frames = [self.rng.choice(_GRAMMAR["frames"][kind])]
        for extra in _GRAMMAR["extras"]:
            if self.rng.random() < extra["probability"]:
                frames.append(self.rng.choice(extra["frames"]))
        return " ".join(self._sentence(frame) for frame in frames)

    def _sentence(self, frame: str) -> str:
        aspects: dict[str, str] = {}
        self.rng.shuffle(self.names)
        names = iter(self.names)  # so that "film" is not repeated

        def fill(slot: re.Match[str]) -> str:
            name, positive, negative, either = slot.groups()
            if either:
                return self.rng.choice(either.split("/"))
            if name is None:
                return positive if self.label else negative
            if name in _GRAMMAR["fillers"]:
                return self.rng.choice(_GRAMMAR["fillers"][name])
            if name == "genre":
                return self.genre
            if name == "film":
                return next(names)
            if name == "it":
                return f"{self.rng.choice(('the', 'this'))} {next(names)}"
            if name[0] in "12":
                return self._aspect(frame, aspects, name)
            return self._adjective(frame, "mild" if name == "mild-" else "film", name[-1])

        text = " ".join(_SLOT.sub(fill, frame).split())
        text = re.sub(r"\ba (?=[aeiou]|honest)", "an ", text)
        return text[0].upper() + text[1:] + "."

    def _aspect(self, frame: str, aspects: dict[str, str], name: str) -> str:
        number, slot = name[0], name[1:]
        if number not in aspects:
            aspects[number] = self._unused(list(_GRAMMAR["aspects"]))
        aspect = aspects[number]
        if slot in ("+", "-"):
            negative, positive = _GRAMMAR["aspects"][aspect]
            return self._pick(frame, positive if self._praises(slot) else negative)
        noun = re.sub("^an? ", "", aspect)
        plural = noun.endswith("s")
        return {
            "": f"the {noun}",
            "n": noun,
            "a": "a" if noun != aspect else "",
            "is": "are" if plural else "is",
            "it": "they" if plural else "it",
        }[slot]

    def _adjective(self, frame: str, table: str, sign: str) -> str:
        if not self._praises(sign):
            return self._pick(frame, _GRAMMAR[table]["negative"])
        genre_words = _GRAMMAR["genres"][self.genre] if table == "film" else []
        return self._pick(frame, _GRAMMAR[table]["positive"] + genre_words)

    def _praises(self, sign: str) -> bool:
        return (sign == "+") == bool(self.label)

    def _pick(self, frame: str, choices: list[str]) -> str:
        word = self._unused(choices)
        self.pairs.append((frame, word))
        return word

    def _unused(self, choices: list[str]) -> str:
        word = self.rng.choice([choice for choice in choices if choice not in self._used])
        self._used.add(word)
        return word


def generate(
    seed: int = 0, train_size: int = 6000, test_size: int = 1000
) -> tuple[list[str], list[int], list[str], list[int]]:
    """Return training texts and labels, then test texts and labels; half are positive (1)."""
    train, train_labels, test, test_labels = _generate(seed, train_size, test_size)
    return [*train], [*train_labels], [*test], [*test_labels]


@functools.lru_cache(maxsize=1)  # a megabyte, against a quarter of a second in every run
def _generate(
    seed: int, train_size: int, test_size: int
) -> tuple[list[str], list[int], list[str], list[int]]:
    rng = random.Random(seed)
    seen: set[str] = set()
    train = _reviews(rng, train_size, seen, held_out=False)
    test = _reviews(rng, test_size, seen, held_out=True)
    return *train, *test


def _reviews(
    rng: random.Random, size: int, seen: set[str], held_out: bool
) -> tuple[list[str], list[int]]:
    texts: list[str] = []
    labels = [i % 2 for i in range(size)]
    rng.shuffle(labels)
    for label in labels:
        while True:
            writer = _Writer(rng, label)
            text = writer.review()
            if text not in seen and (held_out or not any(map(_is_held_out, writer.pairs))):
                break
        seen.add(text)
        texts.append(text)
    return texts, labels


def _is_held_out(pair: tuple[str, str]) -> bool:
    # Not hash(), which differs from one process to the next.
    return zlib.crc32(" ".join(pair).encode()) % _HELD_OUT == 0


def _read(path: Path) -> Task[Content]:
    yield from ()  # generated in a second, without progress
    train, train_labels, test, test_labels = generate()
    return Content(Texts(train, train_labels), Texts(test, test_labels))


SPEC = DatasetSpec(
    name="sample",
    licence="made for Unfreeze, under its MIT licence",
    language="en",
    title="Built-in sample (synthetic)",
    labels=("negative", "positive"),
    sizes=(6_000, 1_000),
    mean_tokens=23,
    examples=(
        "The plot is clever, but this is a dull film.",
        "This film is anything but dull.",
        "I expected a dull film, but the acting is convincing.",
    ),
    origin=lambda: "written by Unfreeze",
    read=_read,
    synthetic=True,
)
