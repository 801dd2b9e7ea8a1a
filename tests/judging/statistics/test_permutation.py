import itertools

import numpy as np
import pytest

from isogloss.judging.statistics import exchange_cohorts, permutation, sign_flip
from isogloss.judging.statistics.permutation import TIE, exchanges


def enumerate_swaps(before, after, words_before, words_after):
    """p by swapping each speaker's two outcomes in all possible ways, written out."""
    statistics = []
    for swaps in itertools.product([False, True], repeat=len(before)):
        swapped = np.array(swaps)
        n1, n2 = np.where(swapped, after, before).sum(), np.where(swapped, before, after).sum()
        d1 = np.where(swapped, words_after, words_before).sum()
        d2 = np.where(swapped, words_before, words_after).sum()
        statistics.append(abs(n2 / d2 - n1 / d1))
    return np.mean(np.array(statistics) >= statistics[0] * (1 - TIE))


@pytest.mark.parametrize("seed", range(6))
def test_few_speakers_are_enumerated(seed):
    rng = np.random.default_rng(seed)
    before, after = rng.poisson(3, (2, 8)).astype(float)
    words = rng.integers(10, 40, 8).astype(float)
    words_after = words if seed % 2 else words + rng.integers(0, 3, 8)
    expected = enumerate_swaps(before, after, words, words_after)
    assert sign_flip(before, after, words, denominator_after=words_after) == pytest.approx(expected)


def test_random_swaps_come_near_the_enumeration(speakers):
    before, words, after, _ = speakers(14, 1).T
    exact = sign_flip(before, after, words, permutations=2**13)
    assert sign_flip(before, after, words, permutations=8000, seed=3) == pytest.approx(exact, abs=0.02)


def test_systems_that_agree_on_every_speaker_have_p_one(speakers):
    before, words, _, _ = speakers(30, 2).T
    assert sign_flip(before, before, words) == 1.0


def test_p_is_never_zero_and_repeats_with_its_seed(speakers):
    before, words, after, _ = speakers(200, 3, change=-0.8).T
    assert sign_flip(before, after, words, permutations=500) == 1 / 501
    before, words, after, _ = speakers(60, 4, change=-0.1).T
    assert sign_flip(before, after, words, seed=5) == sign_flip(before, after, words, seed=5)


def test_equal_systems_are_rejected_as_often_as_announced():
    rng = np.random.default_rng(6)
    rejected = 0
    for _ in range(400):
        rates = 0.1 * rng.gamma(1.0, 1.0, 12)
        before, after = rng.poisson(rates * 40, (2, 12)).astype(float)
        rejected += sign_flip(before, after, np.full(12, 40.0), permutations=2**11) <= 0.05
    assert rejected / 400 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 400)


def studentised(n, d, inside):
    """Log ratio of two rates over its linearised standard error, written out."""
    rates, variances = [], []
    for part in (inside, ~inside):
        rate = n[part].sum() / d[part].sum()
        size = part.sum()
        rates.append(rate)
        variances.append(size / (size - 1) * ((n[part] - rate * d[part]) ** 2).sum() / n[part].sum() ** 2)
    return np.log(rates[0] / rates[1]) / np.sqrt(sum(variances))


def exchanged(group, other, **options):
    """The p value of a group, (numerators, denominators), against the only other one."""
    totals = np.concatenate([np.stack(part, axis=1) for part in (group, other)])
    codes = np.repeat([0, 1], [len(group[0]), len(other[0])])
    return exchange_cohorts(totals, codes, **options)[0]


def enumerated(group, other):
    """The same over all memberships of few speakers."""
    n, d = (np.concatenate(parts) for parts in zip(group, other, strict=True))
    memberships = itertools.combinations(range(len(n)), len(group[0]))
    values = np.array([studentised(n, d, np.isin(np.arange(len(n)), chosen)) for chosen in memberships])
    higher, lower = np.mean(values >= values[0] - TIE), np.mean(values <= values[0] + TIE)
    return min(1, 2 * min(higher, lower))


def test_a_small_group_of_skewed_error_counts_is_called_worse_as_often_as_better():
    rng = np.random.default_rng(10)
    worse = better = 0
    for seed in range(300):
        n = rng.poisson(30 * 0.1 * rng.gamma(0.7, 1 / 0.7, 120)).astype(float)
        small, large = (n[:20], np.full(20, 30.0)), (n[20:], np.full(100, 30.0))
        if exchanged(small, large, permutations=200, seed=seed) <= 0.1:
            worse += n[:20].mean() > n[20:].mean()
            better += n[:20].mean() < n[20:].mean()
    for count in (worse, better):
        assert abs(count / 300 - 0.05) < 2.6 * np.sqrt(0.05 * 0.95 / 300)


def test_a_group_without_errors_is_the_best_there_can_be():
    zeros, some = (np.zeros(20), np.full(20, 30.0)), (np.full(30, 3.0), np.full(30, 30.0))
    assert exchanged(zeros, some, permutations=400) == pytest.approx(2 / 401)
    assert exchanged(zeros, zeros, permutations=400) == 1.0


def test_groups_of_one_rate_but_unequal_spread_are_seldom_called_different():
    # A plain permutation of the difference calls them different in a quarter of the cases.
    rng = np.random.default_rng(8)
    ours, plain = [], []
    for seed in range(200):
        small = rng.poisson(40 * 0.2 * rng.gamma(1.0, 1.0, 30)).astype(float)
        large = rng.poisson(40 * 0.2, 120).astype(float)
        p = exchanged((small, np.full(30, 40.0)), (large, np.full(120, 40.0)), permutations=200, seed=seed)
        ours.append(p <= 0.05)
        pool = rng.permuted(np.tile(np.concatenate([small, large]), (200, 1)), axis=1)
        differences = np.abs(pool[:, :30].mean(axis=1) - pool[:, 30:].mean(axis=1))
        plain.append((1 + (differences >= abs(small.mean() - large.mean()) - TIE).sum()) / 201 <= 0.05)
    assert np.mean(plain) > 0.2
    assert np.mean(ours) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_cohorts_against_their_rest_agree_with_the_enumeration_of_two_groups():
    rng = np.random.default_rng(9)
    totals = np.stack([rng.poisson(4, 12) + 1, rng.integers(20, 60, 12)], axis=1).astype(float)
    codes = np.array([0, 1, 2] * 4)
    together = exchange_cohorts(totals, codes, permutations=8000)
    for number, p in enumerate(together):
        inside, outside = totals[codes == number].T, totals[codes != number].T
        assert p == pytest.approx(enumerated(inside, outside), abs=0.02)


def test_a_cohort_of_one_speaker_has_no_p_value():
    assert exchange_cohorts(np.ones((5, 2)), [0, 1, 1, 2, 2], permutations=50)[0] is None


def test_without_a_rate_there_is_no_evidence():
    nothing, one = np.zeros(30), np.ones(30)
    assert sign_flip(one, 2 * one, nothing, permutations=400) == 1.0
    totals = np.stack([np.repeat([1.0, 0.0, 3.0], 10), np.repeat([10.0, 0.0, 10.0], 10)], axis=1)
    p_values = exchange_cohorts(totals, np.repeat([0, 1, 2], 10), permutations=100)
    assert p_values[1] is None and None not in (p_values[0], p_values[2])


@pytest.mark.parametrize("held", [0, 10**6])
@pytest.mark.parametrize("speakers", [7, 70_000])
def test_exchanges_are_the_permutations_of_numpy_whether_kept_or_not(monkeypatch, held, speakers):
    monkeypatch.setattr(permutation, "HELD_CELLS", held)
    for number in (3, 5, 4):  # a later test may want more of them than the one before, or fewer
        rng = np.random.default_rng(11)
        expected = [rng.permutation(speakers) for _ in range(number)]
        np.testing.assert_array_equal(list(exchanges(speakers, number, 11)), expected)
