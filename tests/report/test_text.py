import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.report import text

rates = st.floats(min_value=-20, max_value=20, allow_nan=False)


def number(written: str) -> float:
    """A number of the page back as a float."""
    return float(written.replace("\u2212", "-").replace("\u202f", "").replace("%", "").replace("+", ""))


@given(rates)
def test_a_rate_is_per_cent_to_one_decimal(rate):
    assert number(text.percent(rate)) == pytest.approx(100 * rate, abs=0.0501)


@given(rates)
def test_a_change_has_its_sign_and_one_that_rounds_to_zero_has_none(rate):
    written = text.signed_percent(rate)
    assert number(written) == pytest.approx(100 * rate, abs=0.0501)
    if number(written) == 0:
        assert written == "0.0\u202f%"
    else:
        assert written[0] == ("+" if rate > 0 else "\u2212")


@given(rates)
def test_no_number_is_written_with_a_hyphen_for_minus(rate):
    for written in (text.percent(rate), text.signed_percent(rate), text.interval((rate, rate + 1), signed=True)):
        assert "-" not in written


def test_what_is_missing_is_a_dash_and_never_a_zero():
    for write in (text.percent, text.signed_percent, text.count, text.probability, text.square_points):
        assert write(None) == "–"
    assert text.interval(None) == ""


def test_a_tiny_p_value_is_a_bound():
    assert [text.probability(p) for p in (0.0, 0.0009, 0.001, 0.05, 1.0)] == [
        "< 0.001",
        "< 0.001",
        "0.001",
        "0.050",
        "1.000",
    ]


@given(st.integers(min_value=0, max_value=10**12))
def test_a_count_is_read_back(value):
    written = text.count(value)
    assert int(written.replace("\u202f", "")) == value
    assert len(written.split("\u202f")) == max(1, math.ceil(len(str(value)) / 3))


def test_lists_read_as_phrases():
    phrases = [text.listing(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    assert phrases == ["", "a", "a and b", "a, b and c"]
