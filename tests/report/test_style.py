"""Colours can be told apart from their background and, on the map, from one another, in light and in dark."""

import re
from importlib import resources
from itertools import pairwise

import pytest

STYLE = resources.files("isogloss.report").joinpath("templates/page.css").read_text(encoding="utf-8")
PALETTES = [
    dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{3,6})", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Contrast ratio, WCAG 2.2."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_there_is_a_light_and_a_dark_palette_of_the_same_names():
    light, dark = PALETTES
    assert set(light) == set(dark)
    assert luminance(light["bg"]) > 0.9 and luminance(dark["bg"]) < 0.05


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
@pytest.mark.parametrize("name", ["fg", "muted", "accent", "good", "bad"])
def test_text_has_the_contrast_that_wcag_asks_for(palette, name):
    assert contrast(palette[name], palette["bg"]) >= 4.5
    assert contrast(palette[name], palette["soft"]) >= 4.5


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
@pytest.mark.parametrize("number", range(7))
def test_marks_have_the_contrast_that_wcag_asks_for(palette, number):
    assert contrast(palette[f"s{number}"], palette["bg"]) >= 3
    assert contrast(palette[f"s{number}"], palette["soft"]) >= 3


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
def test_the_ramp_of_the_map_goes_one_way_in_luminance_with_steps_that_can_be_seen(palette):
    ramp = [palette[f"q{step}"] for step in range(6)]
    away = [contrast(colour, palette["bg"]) for colour in ramp]
    assert away == sorted(away)
    assert all(contrast(a, b) > 1.15 for a, b in pairwise(ramp))
