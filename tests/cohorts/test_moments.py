import numpy as np
import pytest
from scipy import stats

from isogloss.cohorts.moments import colour_classes, speaker_moments


def test_standard_error_is_that_of_a_ratio_of_sums_over_speakers():
    rng = np.random.default_rng(0)
    words, errors = rng.integers(1, 30, 50).astype(float), rng.integers(0, 5, 50).astype(float)
    moments = speaker_moments(words, errors, np.zeros(50, dtype=int), None, 1)
    rate = errors.sum() / words.sum()
    expected = np.std(errors - rate * words, ddof=1) * np.sqrt(50) / words.sum()
    assert moments.wer[0] == pytest.approx(rate)
    assert moments.standard_error[0] == pytest.approx(expected)


def test_with_equal_words_the_interval_is_students_interval_of_a_mean():
    errors = np.array([1.0, 4.0, 2.0, 7.0, 3.0])
    moments = speaker_moments(np.full(5, 10.0), errors, np.zeros(5, dtype=int), None, 1)
    expected = stats.t.interval(0.95, 4, loc=(errors / 10).mean(), scale=stats.sem(errors / 10))
    assert moments.intervals()[0] == pytest.approx(expected)


def test_rows_of_a_speaker_are_summed_before_they_are_squared():
    rows = speaker_moments(
        np.array([2.0, 3.0, 5.0, 7.0]),
        np.array([1.0, 1.0, 0.0, 2.0]),
        np.array([0, 0, 1, 0]),
        np.array([4, 4, 4, 9]),
        2,
    )
    speakers = speaker_moments(np.array([5.0, 5.0, 7.0]), np.array([2.0, 0.0, 2.0]), np.array([0, 1, 0]), None, 2)
    for ours, expected in zip(vars(rows).values(), vars(speakers).values(), strict=True):
        assert ours.tolist() == expected.tolist()


def test_one_speaker_gives_no_interval_and_no_words_no_wer():
    moments = speaker_moments(np.array([4.0]), np.array([1.0]), np.array([0]), None, 2)
    assert moments.intervals() == [None, None]
    assert np.isnan(moments.wer[1])
    assert colour_classes(moments) == [0, 0]


def cohorts(rates, rng, speakers=40):
    code = np.repeat(np.arange(len(rates)), speakers)
    words = np.full(len(code), 50.0)
    errors = rng.binomial(50, np.clip(np.asarray(rates)[code] + rng.normal(0, 0.02, len(code)), 0, 1)).astype(float)
    return speaker_moments(words, errors, code, None, len(rates))


def test_cohorts_that_differ_clearly_get_classes_in_order_of_their_wer():
    assert colour_classes(cohorts([0.3, 0.1, 0.1, 0.5, 0.3], np.random.default_rng(1))) == [1, 0, 0, 2, 1]


def test_without_disparity_there_is_nearly_always_one_class():
    rng = np.random.default_rng(2)
    several = sum(max(colour_classes(cohorts([0.2] * 8, rng))) > 0 for _ in range(200))
    # 200 draws with probability 0.05 exceed 18 once in a hundred times.
    assert several <= 18
