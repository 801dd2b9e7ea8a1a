import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from isogloss.errors import TableError
from isogloss.judging.statistics import bootstrap, ratio
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import _freedom, deciding_speakers, standard_error


def test_the_interval_is_that_of_all_draws_counted_out(speakers):
    # Five speakers: all 5^5 draws, studentised one by one with the textbook standard error.
    numerator, denominator, *_ = speakers(5, 11, rate=0.3).T

    def log_and_error(n, d):
        rate = n.sum() / d.sum()
        return np.log(rate), np.sqrt(5 / 4 * ((n - rate * d) ** 2).sum()) / n.sum()

    value, error = log_and_error(numerator, denominator)
    deviations = []
    for draw in itertools.product(range(5), repeat=5):
        if len(set(draw)) > 1:  # one speaker five times has no standard error and is set aside
            drawn, drawn_error = log_and_error(numerator[list(draw)], denominator[list(draw)])
            deviations.append(abs(drawn - value) / drawn_error)
    reach = np.quantile(deviations, 0.8) * error
    ours = ratio(numerator, denominator, confidence=0.8, resamples=40000)
    assert ours.value == pytest.approx(np.exp(value))
    assert ours.interval == pytest.approx([np.exp(value - reach), np.exp(value + reach)], rel=0.03)


def paired(before, after, words, **options):
    """Of one group of speakers: the rates of two systems, their difference and the relative change."""
    totals = np.stack([before, words, after, words], axis=1)
    return bootstrap([totals], [of.rate(), of.rate(column=2), of.difference(), of.relative_change()], **options)


def test_the_interval_of_many_speakers_is_that_of_scipy(speakers):
    totals = speakers(900, 12)

    def change(before, words, after, words_after, axis=-1):
        return (after.sum(axis) / words_after.sum(axis)) / (before.sum(axis) / words.sum(axis)) - 1

    theirs = stats.bootstrap(
        tuple(totals.T), change, paired=True, n_resamples=3000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    before, after, difference, ours = paired(totals[:, 0], totals[:, 2], totals[:, 1], resamples=4000)
    length = theirs.high - theirs.low
    assert ours.value == pytest.approx(change(*totals.T))
    assert ours.low == pytest.approx(theirs.low, abs=0.1 * length)
    assert ours.high == pytest.approx(theirs.high, abs=0.1 * length)
    assert difference.value == pytest.approx(after.value - before.value)


def test_few_speakers_get_longer_intervals_than_the_percentile_gives(speakers):
    totals = speakers(10, 13)
    draws = np.random.default_rng(0).integers(0, 10, (4000, 10))
    low, high = np.quantile(totals[draws, 0].sum(axis=1) / totals[draws, 1].sum(axis=1), [0.025, 0.975])
    ours = ratio(totals[:, 0], totals[:, 1])
    assert ours.high - ours.low > 1.1 * (high - low)


def test_groups_drawn_jointly_know_that_speakers_are_shared(speakers):
    # The same speakers in two groups with the same totals: their mean changes as either does.
    totals = speakers(40, 14)
    joint = np.stack([totals, totals], axis=1)
    shared, apart = of.change_of_spread(of.mean_rate, range(2)), of.relative_change()
    both = bootstrap(joint, [shared], resamples=1000)[0]
    one = bootstrap([totals], [apart], resamples=1000)[0]
    separate = bootstrap([totals, totals], [shared], resamples=1000)[0]
    assert both.interval == pytest.approx(one.interval, rel=0.05)
    assert separate.high - separate.low < 0.85 * (one.high - one.low)  # independent copies would: 1 / sqrt(2)


def test_groups_drawn_jointly_agree_with_separate_ones_where_no_speaker_is_shared(speakers):
    first, second = speakers(60, 24), speakers(60, 25, rate=0.2)
    joint = np.zeros((120, 2, 4))
    joint[:60, 0], joint[60:, 1] = first, second
    wanted = [of.change_of_spread(of.variance_of_rates, range(2)), of.rate(1)]
    together = bootstrap(joint, wanted, resamples=4000)
    apart = bootstrap([first, second], wanted, resamples=4000)
    for one, other in zip(together, apart, strict=True):
        assert one.value == pytest.approx(other.value)
        assert np.log1p(one.interval) == pytest.approx(
            np.log1p(other.interval), abs=0.25 * np.ptp(np.log1p(one.interval))
        )


def test_shared_speakers_of_identical_systems_have_an_interval_of_zero_length(speakers):
    totals = speakers(40, 26)
    totals[:, 2] = totals[:, 0]
    joint = np.stack([totals, totals[::-1]], axis=1)
    estimate = bootstrap(joint, [of.change_of_spread(of.mean_rate, range(2))], resamples=300)[0]
    assert estimate.interval == [estimate.value, estimate.value] and estimate.value == pytest.approx(0)


def test_a_group_keeps_its_interval_whatever_other_groups_stand_beside_it(speakers):
    first, second = speakers(25, 15), speakers(31, 16)
    alone = bootstrap([first], [of.relative_change()])[0]
    assert bootstrap([first, second], [of.relative_change(0)])[0] == alone


def test_batches_do_not_change_what_is_drawn_of_a_group(speakers, monkeypatch):
    totals = speakers(25, 17)
    whole = ratio(totals[:, 0], totals[:, 1], resamples=500)
    monkeypatch.setattr("isogloss.judging.statistics.intervals.BATCH_CELLS", 5 * 100)
    assert ratio(totals[:, 0], totals[:, 1], resamples=500).interval == pytest.approx(whole.interval, rel=0.1)


def test_the_contrast_of_two_groups_turns_with_their_order(speakers):
    groups = [speakers(30, 18)[:, :2], speakers(22, 19, rate=0.2)[:, :2]]
    forth, back = (bootstrap(order, [of.ratio_of_groups()])[0] for order in (groups, groups[::-1]))
    (n, d), (m, e) = (group.sum(axis=0) for group in groups)
    assert forth.value == pytest.approx((n / d) / (m / e))
    assert back.value == pytest.approx(1 / forth.value)
    assert forth.low < forth.value < forth.high


def test_identical_systems_have_an_interval_of_zero_length(speakers):
    totals = speakers(20, 20)
    *_, difference, change = paired(totals[:, 0], totals[:, 0], totals[:, 1])
    assert difference.interval == change.interval == [0.0, 0.0]


def test_no_error_before_leaves_the_relative_change_undefined(speakers):
    totals = speakers(20, 21)
    before, _, difference, change = paired(np.zeros(20), totals[:, 2], totals[:, 1])
    assert change.value is None and change.interval is None
    assert before.value == 0.0 and before.interval is None
    assert difference.interval is not None


def test_no_error_after_is_a_change_of_minus_one_without_interval(speakers):
    totals = speakers(20, 22)
    *_, change = paired(totals[:, 0], np.zeros(20), totals[:, 1])
    assert change.value == -1.0 and change.interval is None


def test_errors_of_one_speaker_only_carry_no_interval():
    errors = np.zeros(30)
    errors[4] = 5
    estimate = ratio(errors, np.full(30, 20.0))
    assert estimate.value == pytest.approx(5 / 600) and estimate.interval is None


def test_one_speaker_carries_no_interval():
    estimate = ratio([3.0], [40.0])
    assert estimate.value == pytest.approx(0.075) and estimate.interval is None
    assert standard_error([np.array([[3.0, 40.0]])], of.rate()) is None


def test_totals_that_do_not_match_are_refused():
    with pytest.raises(TableError, match="side by side"):
        ratio([1.0, 2.0], [3.0])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10**6), st.floats(0.01, 100))
def test_a_change_of_units_changes_nothing(speakers_number, seed, unit):
    rng = np.random.default_rng(seed)
    before, after = rng.poisson(2, (2, speakers_number)).astype(float)
    words = rng.integers(5, 50, speakers_number).astype(float)
    plain = paired(before, after, words, resamples=200)
    scaled = paired(before * unit, after * unit, words * unit, resamples=200)
    for one, other in ((plain[0], scaled[0]), (plain[-1], scaled[-1])):
        assert (one.value is None) == (other.value is None) and (one.low is None) == (other.low is None)
        if one.interval is not None:
            assert other.interval == pytest.approx(one.interval, rel=1e-6)
            assert one.low <= one.value <= one.high


def outlier(speakers, size):
    """Totals of speakers who change little, and of one who changes by `size` errors."""
    rng = np.random.default_rng(4)
    words = np.full(speakers, 40.0)
    before = rng.binomial(40, 0.2, speakers) + 1.0
    after = np.maximum(before + rng.integers(-2, 3, speakers), 0.0)
    after[0] = before[0] + size
    return np.stack([before, words, after, words], axis=1)


def test_deciding_speakers_are_few_where_one_changes_much():
    few, many = (bootstrap([outlier(40, size)], [of.relative_change()], resamples=300)[0] for size in (30, 1))
    assert few.rests_on < 3 and many.rests_on > 10
    influence = outlier(40, 30) @ np.array([-1, 1, 1, -1]) / 40
    assert deciding_speakers(np.ones(17)) == 17.0 and deciding_speakers(np.zeros(3)) == np.inf
    shares = influence**2 / (influence**2).sum()
    assert deciding_speakers(influence) == pytest.approx(1 / (shares**2).sum())


def test_the_degrees_of_freedom_are_satterthwaite_s_of_the_simulated_variance():
    """df = 2 E(s^2)^2 / Var(s^2), with s^2 the variance over speakers; S - 1 where they are normal."""
    rng = np.random.default_rng(8)
    for draw, kurtosis in ((rng.normal, 3.0), (lambda size: rng.uniform(-1, 1, size), 1.8), (rng.laplace, 6.0)):
        speakers = 30
        variances = draw(size=(40_000, speakers)).var(axis=1, ddof=1)
        expected = 2 * variances.mean() ** 2 / variances.var()
        found = _freedom(speakers / kurtosis, speakers)
        assert found == pytest.approx(min(expected, speakers - 1), rel=0.05)
