import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.report.scale import axis_for, round_step

values = st.floats(min_value=-5, max_value=5, allow_nan=False)
pairs = st.tuples(values, values).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(values, max_size=12), st.lists(pairs, max_size=12))
def test_every_estimate_and_zero_are_on_the_axis(estimates, intervals):
    axis = axis_for(estimates, intervals)
    for value in [0.0, *estimates]:
        assert axis.low - 1e-9 <= value <= axis.high + 1e-9


@given(st.lists(values, max_size=12), st.lists(pairs, max_size=12))
def test_ticks_are_few_even_and_round(estimates, intervals):
    axis = axis_for(estimates, intervals)
    steps = [b - a for a, b in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert 1 <= len(steps) <= 8
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)
    assert any(abs(tick) < 1e-9 for tick in axis.ticks)
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert any(mantissa == pytest.approx(digit, rel=1e-5) for digit in (1, 2, 5, 10))


@given(st.lists(values, min_size=2, max_size=12))
def test_positions_keep_the_order_of_values_and_stay_in_the_drawing(estimates):
    axis = axis_for(estimates, [])
    places = [axis.position(v) for v in sorted(estimates)]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)


def test_one_wild_interval_does_not_squash_the_estimates():
    tame = [(0.05, 0.15)] * 9
    axis = axis_for([0.1] * 10, [*tame, (0.05, 9.0)])
    assert axis.high < 0.3
    assert axis.position(9.0) == axis.position(axis.high)


def test_intervals_wider_than_the_spread_of_estimates_are_shown_whole():
    axis = axis_for([-0.06] * 4, [(-0.14, 0.02)] * 4)
    assert axis.low <= -0.14 and axis.high >= 0.02


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_a_round_step_is_not_below_what_is_asked_and_less_than_thrice_it(least):
    assert least * (1 - 1e-6) <= round_step(least) <= 2.5 * least * (1 + 1e-6)


def test_tick_labels_have_the_decimals_that_they_need():
    axis = axis_for([0.0, 0.012], [])
    labels = [axis.label(tick) for tick in axis.ticks]
    assert len(set(labels)) == len(labels)
    assert axis_for([0.0, 0.5], []).label(0.5) == "50"
    assert axis_for([-0.5, 0.5], []).label(0.5, signed=True) == "+50"
