"""The colours of modes: told apart with any eyes, and legible below text."""

import itertools
import math

import pytest

from ftcore.colours import MODELS, theme
from ftcore.modes import MODES, REFERENCES
from pages.components.charts.palette import DARK, LIGHT, mode_badge, text_on
from tests.helpers.colours import contrast, perceived

TRAINED = [mode for mode in (*MODES, "last-2") if mode not in REFERENCES]


@pytest.mark.parametrize(
    ("sight", "distance"), [("full", 0.15), ("protan", 0.06), ("deutan", 0.06)]
)
def test_modes_that_train_have_colours_that_nobody_confuses(sight, distance):
    for first, second in itertools.combinations(TRAINED, 2):
        colours = [perceived(MODELS[mode], sight) for mode in (first, second)]
        assert math.dist(*colours) >= distance, (first, second)


@pytest.mark.parametrize("mode", TRAINED)
def test_a_dot_of_a_mode_is_seen_on_the_dark_background(mode):
    assert contrast(MODELS[mode], theme()["dark"]["background"]) >= 3


@pytest.mark.parametrize("colour", sorted(set(MODELS.values())))
def test_text_on_the_colour_of_a_mode_is_legible(colour):
    assert text_on(colour) in (DARK, LIGHT) and contrast(colour, text_on(colour)) >= 4.5


def test_a_badge_is_never_broken_into_two_lines():
    assert " " not in mode_badge("last-2", "Last 2 groups").partition("{")[0]


def test_the_title_of_a_badge_cannot_end_it():
    badge = mode_badge("last-3", 'Full [a]{background="red"}')
    assert badge.count("[") == badge.count("]") == 1
    assert badge.endswith(f']{{foreground="{LIGHT}" background="{MODELS["last-2"]}"}}')
