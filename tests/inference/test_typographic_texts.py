"""The bundled models answer typographic text like plain text."""

from itertools import product

import pytest

from ftcore.inference import prediction

NEGATIONS = "isn't", "wasn't", "doesn't feel", "didn't seem", "won't be", "can't be"
SUBJECTS = "This movie", "The story", "The acting", "It", "The ending"
QUALITIES = "good", "funny", "convincing", "worth it"
NEGATED = [" ".join(words) + "." for words in product(SUBJECTS, NEGATIONS, QUALITIES)]
LOOK_ALIKES = "\u2018\u2019\u02bc\u2032\uff07`\xb4"


def answers(texts: list[str], checkpoint: str = "sentiment") -> list[dict[str, float]]:
    return [answer.probabilities for answer in prediction.predict(checkpoint, texts)]


@pytest.mark.parametrize("apostrophe", LOOK_ALIKES, ids=ascii)
def test_negated_sentences_are_answered_alike_with_every_apostrophe(apostrophe):
    assert len(NEGATED) == 120 and all("'" in text for text in NEGATED)
    assert answers(NEGATED) == answers([text.replace("'", apostrophe) for text in NEGATED])


@pytest.mark.parametrize("checkpoint", ["sentiment", "starter"])
@pytest.mark.parametrize(
    ("plain", "typographic"),
    [
        ("great", "\u201cgreat\u201d"),
        ("great", "\ufeffgre\u00adat\u200b"),
        ("great", "\uff47\uff52\uff45\uff41\uff54"),
        ("a great film - really...", "a great film\u2014really\u2026"),
        ("a well-made film / a great one", "a well\u2011made film\u2044a great one"),
        ("Cl\u00e9o: a great film", "Cle\u0301o: a great film"),
    ],
)
def test_a_typographic_text_is_answered_like_the_plain_one(checkpoint, plain, typographic):
    first, second = answers([plain, typographic], checkpoint)
    assert first == second
