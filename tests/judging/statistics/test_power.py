import numpy as np
import pytest

from isogloss.judging.statistics import detectable_change, detectable_ratio, sign_flip


def test_the_detectable_change_is_found_about_as_often_as_promised():
    rng = np.random.default_rng(1)

    def draw(change, speakers=24):
        words = rng.integers(60, 90, speakers).astype(float)
        rates = 0.12 * rng.gamma(5.0, 0.2, speakers)
        return rng.poisson(rates * words).astype(float), rng.poisson(rates * (1 - change) * words).astype(float), words

    least = np.median([detectable_change(*draw(0.3)) for _ in range(40)])
    found = [sign_flip(*draw(least), permutations=400) <= 0.05 for _ in range(250)]
    assert 0.68 < np.mean(found) < 0.92


def test_more_speakers_see_smaller_changes(speakers):
    before, words, after, _ = speakers(14, 2).T
    here = detectable_change(before, after, words)
    assert detectable_change(before, after, words, speakers=14) == pytest.approx(here)
    assert here > detectable_change(before, after, words, speakers=50)
    assert detectable_change(before, after, words, power=0.5) < here < 1


def test_the_detectable_ratio_shrinks_with_more_speakers(speakers):
    few, many = speakers(20, 3).T[:2], speakers(200, 3).T[:2]
    assert detectable_ratio(few, few) > detectable_ratio(many, many) > 1


def test_nothing_can_be_said_for_one_speaker_or_without_errors():
    assert detectable_change([3.0], [2.0], [40.0]) is None
    assert detectable_change([0.0, 0.0], [2.0, 1.0], [40.0, 30.0]) is None
