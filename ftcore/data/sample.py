"""The built-in sample: synthetic film reviews written by a grammar.

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

import random
import re
import zlib
from pathlib import Path

from ftcore.data.text_dataset import DatasetSpec, Texts
from ftcore.events import Task

# Calibrated on 6,000 reviews: TF-IDF with logistic regression reaches 74% with words and 86% with
# pairs of words, a linear head on mean word vectors 66%, the small transformer 93% in 4 epochs.
# Longer reviews, or more of the rarer kinds of frame, are much harder to learn in that time.

_HELD_OUT = 20  # one in this many pairs of a frame and a word occurs in test reviews only

# Negative words, then positive ones.
_FILM = (
    "absurd aimless annoying artificial awful boring cheap confusing contrived dreadful dreary "
    "dull empty forgettable hollow horrible incoherent inept irritating lame lifeless lousy messy "
    "miserable pointless predictable pretentious ridiculous shallow silly sloppy stupid tedious "
    "terrible tiresome weak",
    "absorbing brilliant captivating clever compelling convincing delightful engaging enjoyable "
    "entertaining fresh imaginative inspired inventive lively fascinating memorable powerful "
    "refreshing rewarding satisfying sincere splendid stylish superb terrific thoughtful "
    "wonderful",
)
_MILD = (
    "boring bland clumsy confusing dreary dull predictable shallow silly tedious tiresome",
    "absorbing clever compelling convincing engaging enjoyable entertaining exciting lively",
)
# More positive words, by genre.
_GENRES = {
    "comedy": "funny witty charming",
    "drama": "moving touching gripping",
    "thriller": "gripping exciting thrilling",
    "mystery": "gripping exciting intriguing",
    "romance": "charming tender touching",
    "adventure": "exciting gripping thrilling",
}
# Countable aspects have an article: "a sharp script", but "sharp dialogue".
_ASPECTS = {
    "acting": ("wooden stiff flat clumsy lifeless", "convincing subtle moving graceful natural"),
    "dialogue": ("stiff clumsy awkward flat tiresome", "sharp witty clever natural lively"),
    "a script": ("clumsy muddled predictable shallow lazy", "sharp clever witty lively thoughtful"),
    "a plot": ("predictable muddled thin silly confusing", "clever gripping absorbing fresh tight"),
    "pacing": ("sluggish uneven slow clumsy", "brisk lively tight assured"),
    "a score": ("bland dreary repetitive dull", "haunting lovely graceful subtle stirring"),
    "camera work": ("shaky clumsy dull lazy", "elegant graceful inventive assured"),
    "editing": ("choppy clumsy sluggish lazy", "crisp sharp brisk assured"),
    "an ending": ("predictable rushed silly confusing flat", "moving satisfying clever touching"),
    "characters": ("flat shallow dull bland annoying", "engaging warm lively convincing natural"),
    "direction": ("clumsy lazy flat uneven dull", "assured subtle inventive graceful sharp"),
    "crowd scenes": ("clumsy choppy confusing repetitive", "inventive exciting elegant crisp"),
    "costumes": ("dreary bland cheap dull", "elegant lovely inventive stylish"),
    "sets": ("dreary bland dull cheap", "elegant lovely inventive stylish"),
}
_FILLERS = {
    "not": "never/far from/anything but/hardly",
    "not a": "far from a/anything but a/hardly a",
    "here": "this is/this is/I saw/I found",
    "result": "this is/this remains/the result is",
    "claim": "some say this is/many say this is/my sister says this is/my brother says this is/"
    "one critic says this is/everybody says this is",
    "bit": "///rather/often/at times",
    "very": "////////truly/really",
    "other": "the original/the sequel/the remake/the first part/the earlier version",
    "who": "my brother/my sister/the critics/my friends/a colleague/my neighbor",
    "when": "last night/on a rainy Sunday/last weekend/on a long flight/at a small festival",
    "with": "with my sister/with two friends/with my parents/on my own/with my neighbors",
    "person": "a retired teacher/a young lawyer/a village doctor/a taxi driver/an army cook/"
    "a night nurse/an honest banker/an old sailor/a shy student/a famous painter/a train driver/"
    "a country priest/an aging boxer/a piano teacher",
    "deed": "inherits a hotel/moves back home/looks for a cousin/finds old letters/"
    "crosses the desert/shares a house with a stranger/guards a painting/runs for mayor/"
    "opens a bakery/witnesses a robbery/learns to dance",
}

_FRAMES = {
    # The later words count.
    "but": (
        "I expected a {very} {-} {film}, but {here} a {very} {+} {film}",
        "I wanted to [dislike|love] it, but {here} a {very} {+} {film}",
        "{who} <saw/found/expected> a {very} {-} {film}, but {here} a {very} {+} {film}",
        "{who} promised me a {very} {-} {film}, but <this is/I got> a {very} {+} {film}",
        "{claim} a {very} {-} {film}, but <it is/I saw/I found> a {very} {+} {film}",
        "{claim} a {very} {-} {film}, but to me it is a {very} {+} {film}",
        "{other} is a {very} {-} {film}, but this is a {very} {+} {film}",
        "{other} has {1a} {1-} {1n}, but this is a {very} {+} {film}",
        "unlike {other}, which is a {very} {-} {film}, this is a {very} {+} {film}",
        "{1} {1is} {bit} {1-}, but {result} a {very} {+} {film}",
        "although {1} {1is} {bit} {1-}, {result} a {very} {+} {film}",
        "although it has {1a} {1-} {1n}, this is a {very} {+} {film}",
        "despite its {1-} {1n}, this is a {very} {+} {film}",
        "despite the {1-} {1n} and the {2-} {2n}, {result} a {very} {+} {film}",
        "not even {1a} {1-} {1n} can [spoil|rescue] this {very} {+} {film}",
        "at first this is a {-} {film}, but in the end it is a {+} {film}",
    ),
    # The earlier words count.
    "although": (
        "this is a {very} {+} {film}, despite its {1-} {1n}",
        "{here} a {very} {+} {film}, despite the {1-} {1n} and the {2-} {2n}",
        "this is a {very} {+} {film}, although it has {1a} {1-} {1n}",
        "{here} a {very} {+} {film}, although {1} {1is} {bit} {1-}",
    ),
    # The words count for their opposite.
    "not": (
        "{it} is {not} {mild-}",
        "{it} is {not} {mild-} or {mild-}",
        "{it} is {not} {mild-}, and {1} {1is} {not} {1-}",
        "this is {not a} {mild-} {film}",
    ),
    # All words count.
    "and": (
        "this is a {very} {+} {film} with {1a} {1+} {1n}",
        "{here} a {very} {+} {film} with {1a} {1+} {1n} and {2a} {2+} {2n}",
        "I expected a {very} {+} {film}, and {here} a {very} {+} {film}",
        "{it} is {+}, and {1} {1is} {1+}",
    ),
}
_SHARES = {"but": 60, "although": 12, "not": 14, "and": 14}  # per cent
_SETTINGS = (
    "I saw it {when}",
    "I watched it {with}",
    "it follows {person} who {deed}",
    "it is about {person} who {deed}",
    "it tells the story of {person}",
)
_DETAILS = (
    "{1} {1is} {1-}, but {2} {2is} {2+}",
    "{1} {1is} {1+}, and {2} {2is} {not} {2-}",
    "{1} could have been {1-}, but {1it} {1is} {1+}",
)
_VERDICTS = (
    "you will [not regret|regret] seeing it",
    "I would gladly [see it again|never see it again]",
    "I was sorry [when it ended|that it did not end sooner]",
    "I [did not want|wanted] it to end",
    "I [do not regret a|regret every] minute of it",
    "I cannot recommend it [enough|to anyone]",
    "[two hours felt like one|one hour felt like two]",
    "if you [see|skip] one {genre} this year, make it this one",
    "I would rather [see it twice than miss it|miss it than see it twice]",
    "I would pay [to see|not to see] it again",
    "there is little I would [change|keep]",
    "my only [complaint|praise] is that it ends",
)
_EXTRAS = ((0.25, _SETTINGS), (0.03, _DETAILS), (0.05, _VERDICTS))  # how often each is added

_SLOT = re.compile(r"\{([^}]*)\}|\[([^|\]]*)\|([^]]*)\]|<([^>]*)>")


class _Writer:
    """Writes one review. `pairs` are the combinations of a frame and a word in it."""

    def __init__(self, rng: random.Random, label: int) -> None:
        self.rng, self.label = rng, label
        self.genre = rng.choice(list(_GENRES))
        self.names = [rng.choice(("film", "movie")), self.genre]
        self.pairs: list[tuple[str, str]] = []
        self._used: set[str] = set()  # no adjective or aspect is repeated

    def review(self) -> str:
        """Return a sentence that decides the label, and up to three more."""
        kind = self.rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        plan = [self.rng.choice(_FRAMES[kind])]
        plan += [self.rng.choice(frames) for share, frames in _EXTRAS if self.rng.random() < share]
        return " ".join(self._sentence(frame) for frame in plan)

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
            if name in _FILLERS:
                return self.rng.choice(_FILLERS[name].split("/"))
            if name == "genre":
                return self.genre
            if name == "film":
                return next(names)
            if name == "it":
                return f"{self.rng.choice(('the', 'this'))} {next(names)}"
            if name[0] in "12":
                return self._aspect(frame, aspects, name)
            words = {"+": _FILM, "-": _FILM, "mild-": _MILD}[name]
            return self._word(frame, words, name[-1])

        text = " ".join(_SLOT.sub(fill, frame).split())
        text = re.sub(r"\ba (?=[aeiou]|honest)", "an ", text)
        return text[0].upper() + text[1:] + "."

    def _aspect(self, frame: str, aspects: dict[str, str], name: str) -> str:
        number, slot = name[0], name[1:]
        if number not in aspects:
            aspects[number] = self._fresh(list(_ASPECTS))
        aspect = aspects[number]
        if slot in ("+", "-"):
            return self._word(frame, _ASPECTS[aspect], slot)
        noun = re.sub("^an? ", "", aspect)
        plural = noun.endswith("s")
        return {
            "": f"the {noun}",
            "n": noun,
            "a": "a" if noun != aspect else "",
            "is": "are" if plural else "is",
            "it": "they" if plural else "it",
        }[slot]

    def _word(self, frame: str, words: tuple[str, str], sign: str) -> str:
        praise = (sign == "+") == bool(self.label)
        choices = words[praise].split()
        if words is _FILM and praise:
            choices += _GENRES[self.genre].split()
        word = self._fresh(choices)
        self.pairs.append((frame, word))
        return word

    def _fresh(self, choices: list[str]) -> str:
        word = self.rng.choice([choice for choice in choices if choice not in self._used])
        self._used.add(word)
        return word


def generate(
    seed: int = 0, train_size: int = 6000, test_size: int = 1000
) -> tuple[list[str], list[int], list[str], list[int]]:
    """Return training texts and labels, then test texts and labels; half are positive (1)."""
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


def _read(path: Path) -> Task[tuple[Texts, Texts]]:
    yield from ()  # generated in a second, without progress
    train, train_labels, test, test_labels = generate()
    return Texts(train, train_labels), Texts(test, test_labels)


SPEC = DatasetSpec(
    name="sample",
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
