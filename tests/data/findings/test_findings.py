"""Classes, languages, the fit to a model, and all findings together."""

import numpy as np
import pytest

from ftcore.data.findings import classes, copies, examination, languages, model_fit
from ftcore.data.findings.finding import TEST, TRAIN, LabelledTexts
from ftcore.events import drain
from tests.helpers import messy_tables

SENTENCES = {
    "English": "I have not seen a film of this kind that they would show to their children.",
    "German": "Ich habe den Film nicht verstanden, aber die Musik und das Bild sind sehr schön.",
    "French": "Je ne suis pas sûr que ce film soit pour les enfants, mais il est dans la liste.",
    "Spanish": "Los actores y las canciones son muy buenos, pero el final es como siempre.",
    "Italian": "Non ho capito il film, ma gli attori sono bravi anche nella seconda parte.",
    "Portuguese": "Não gostei do filme, mas os atores são muito bons e você pode ver.",
    "Dutch": "Ik heb het niet begrepen, maar de muziek van deze film wordt nog lang gespeeld.",
    "Swedish": "Jag har inte sett filmen, men det är för många som säger att den är bra.",
    "Danish or Norwegian": "Jeg har ikke sett filmen, og den er ikke meget god fra start.",
    "Polish": "Nie wiem, czy jest to dobry film, ale już go widziałem i był długi.",
    "Turkish": "Bu film çok güzel ve benim için bir sürpriz oldu ama sonu kötü değil.",
    "Cyrillic script": "Этот фильм мне не понравился.",
    "Japanese": "この映画はとても面白かったです。",
    "Chinese": "這部電影很好看。",
    "Korean": "이 영화는 정말 재미있었다.",
}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_language_of_a_sentence(language, text):
    assert languages.language_of(text) == language


@pytest.mark.parametrize("text", ["", "42 %", "Stocks", "Bayern München, Real Madrid", "lol :)"])
def test_nothing_is_said_of_a_text_without_function_words(text):
    assert languages.language_of(text) == ""


def test_other_languages_are_named_with_their_share_and_few_texts_say_nothing():
    texts = [SENTENCES["English"]] * 30 + [SENTENCES["German"]] * 10 + ["Stocks"] * 60
    finding = languages.other_languages(texts)
    assert "German (25%)" in finding.sentence and finding.action == "other-model"
    assert languages.other_languages(texts, ("English", "German")) is None
    assert languages.other_languages([SENTENCES["German"]] * 10) is None
    assert languages.other_languages([row.text for row in messy_tables.reviews()]) is None


def test_classes_with_few_training_texts_are_named_the_smallest_first():
    counts = {"pos": 900, "neg": 8, "mixed": 2, "none": 0}
    finding = classes.few_examples(counts)
    assert "2 classes have fewer than 8" in finding.sentence
    assert "none (0) and mixed (2)" in finding.sentence
    assert classes.few_examples({"pos": 8}) is None
    many = classes.few_examples({f"c{number}": 1 for number in range(200)})
    assert many.count == 200 and "195 more" in many.sentence


def test_lengths_against_what_a_model_reads():
    lengths = np.array([100] * 90 + [300] * 10)
    finding = model_fit.long_texts(lengths, 200, "pieces")
    assert finding.rows == tuple(range(90, 100))
    assert (
        "10 texts of 100 (10.0%)" in finding.sentence and "91.7% of all pieces" in finding.sentence
    )
    assert model_fit.long_texts(lengths, 300, "pieces") is None


def test_unknown_words_and_split_ones():
    assert "7.0% of all words" in model_fit.unknown_tokens(70, 1000, "words").sentence
    assert model_fit.unknown_tokens(50, 1000, "words") is None
    assert "2.5 pieces" in model_fit.split_words(2500, 1000).sentence
    assert model_fit.split_words(1400, 1000) is None
    assert model_fit.split_words(0, 0) is model_fit.unknown_tokens(0, 0, "words") is None


def examined(data):
    return drain(examination.examine(data, drain(copies.keys(data.texts)), False))


def test_all_findings_of_a_messy_table():
    rows = messy_tables.with_rare_class(messy_tables.reviews())
    rows += [rows[0], rows[1]._replace(label="mixed")]
    names = sorted({row.label for row in rows})
    data = LabelledTexts(
        [row.text for row in rows],
        np.array([names.index(row.label) for row in rows]),
        np.array([TRAIN if row.split == "train" else TEST for row in rows], np.uint8),
    )
    assert {finding.kind: finding.count for finding in examined(data)} == {"copies-in-training": 1}
    clean = LabelledTexts(data.texts[:100], data.labels[:100], data.parts[:100])
    assert examined(clean) == ()
