"""Copies of texts, and texts under two labels."""

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from ftcore.data.findings import copies
from ftcore.data.findings.finding import NO_LABEL, TEST, TRAIN, VALIDATION
from ftcore.events import drain

TEXTS = [" Fine  film.", "Dull.", "fine film.\n", "DULL.", "dull.", "Fine film!"]
PARTS = np.array([TRAIN, TRAIN, TEST, TRAIN, VALIDATION, TRAIN], np.uint8)
LABELS = np.array([1, 0, 0, 0, NO_LABEL, 1])


def originals(texts=TEXTS, parts=PARTS):
    return copies.originals(drain(copies.keys(texts)), parts)


def test_copies_differ_by_case_and_space_only_and_the_held_out_one_is_the_original():
    assert originals().tolist() == [2, 4, 2, 4, 4, 5]
    assert originals(pa.chunked_array([TEXTS[:3], TEXTS[3:]])).tolist() == originals().tolist()


def test_training_texts_in_test_or_validation_are_listed_with_their_copies():
    finding = copies.across_split(originals(), PARTS)
    assert (finding.rows, finding.like) == ((0, 1, 3), (2, 4, 4))
    assert (
        "3 training texts that are also in the test part (1) and the validation part (2)"
        in finding.sentence
    )
    assert copies.across_split(originals(TEXTS[:2], PARTS[:2]), PARTS[:2]) is None


def test_copies_inside_training_count_if_their_label_is_the_same():
    training = np.full(len(TEXTS), TRAIN, np.uint8)
    finding = copies.in_training(originals(parts=training), LABELS, training)
    assert (finding.rows, finding.like) == ((3,), (1,))
    assert finding.action == "drop-near-duplicates"
    assert "1 training text repeats an earlier one" in finding.sentence


def test_a_text_under_two_labels_is_listed_whatever_its_part():
    finding = copies.two_labels(originals(), LABELS)
    assert (finding.count, finding.rows, finding.like) == (1, (0, 2), (2, 2))
    assert finding.sentence.startswith("1 text stands under more than one label, in 2 rows.")


@given(st.lists(st.sampled_from(["a", "A ", "b"]), max_size=12), st.randoms())
def test_an_original_is_its_own_original_and_in_the_lowest_part(texts, rng):
    parts = np.array([rng.randrange(3) for _ in texts], np.uint8)
    result = originals(texts, parts)
    assert (result[result] == result).all()
    assert (parts[result] <= parts).all()
    assert [texts[row].strip().lower() for row in result] == [t.strip().lower() for t in texts]
