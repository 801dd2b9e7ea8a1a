"""Power and sample size against simulated upper bounds of a mean."""

import numpy as np
import pytest
from scipy import stats

from isogloss.judging.statistics.noninferiority import noninferiority_power, speakers_for_margin


@pytest.mark.parametrize("effect", [0.0, 0.1, -0.1])
@pytest.mark.parametrize("size", [8, 30])
def test_the_power_is_how_often_simulated_bounds_lie_under_the_margin(effect, size):
    rng = np.random.default_rng(1)
    draws = rng.normal(effect, 1.0, (20_000, size))
    bound = draws.mean(axis=1) + stats.t.ppf(0.975, size - 1) * draws.std(axis=1, ddof=1) / np.sqrt(size)
    passed = (bound < 0.5).mean()
    error = 1 / np.sqrt(100)
    found = noninferiority_power(error, 100, margin=0.5, effect=effect, level=0.025, wanted=size)
    assert found == pytest.approx(passed, abs=0.012)


def test_the_number_of_speakers_is_the_least_that_reaches_the_power():
    options = {"margin": 0.05, "level": 0.025}
    number = speakers_for_margin(0.04, 30, **options)
    powers = [noninferiority_power(0.04, 30, **options, wanted=wanted) for wanted in (number - 1, number)]
    assert powers[0] < 0.8 <= powers[1]
    assert number == pytest.approx(((1.96 + 0.8416) * 0.04 * np.sqrt(30) / 0.05) ** 2, rel=0.03)


def test_a_change_beyond_the_margin_is_never_shown_to_be_under_it():
    assert speakers_for_margin(0.04, 30, margin=0.05, effect=0.05, level=0.025) is None
    assert noninferiority_power(0.04, 30, margin=0.05, effect=0.05, level=0.025) == pytest.approx(0.025, abs=1e-6)
