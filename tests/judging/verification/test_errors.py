"""EER and detection cost against scikit-learn's ROC and against counting at every threshold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_curve

from isogloss.errors import TableError
from isogloss.judging.verification import equal_error_rate, errors_of, min_dcf, trials_of
from isogloss.judging.verification.errors import rates_at

CASES = [
    pytest.param(seed, weighted, decimals, id=f"{seed}-{'weighted' if weighted else 'plain'}-{decimals}")
    for seed in range(3)
    for weighted in (False, True)
    for decimals in (None, 1, 0)
]


def draw(seed, weighted, decimals, size=300):
    rng = np.random.default_rng(seed)
    targets = rng.uniform(size=size) < 0.2
    scores = rng.normal(size=size) + 1.5 * targets
    weights = rng.gamma(1.0, size=size) if weighted else np.ones(size)
    return (scores if decimals is None else scores.round(decimals)), targets, weights


@pytest.mark.parametrize(("seed", "weighted", "decimals"), CASES)
def test_the_eer_is_where_scikit_learns_interpolated_roc_crosses_the_diagonal(seed, weighted, decimals):
    scores, targets, weights = draw(seed, weighted, decimals)
    far, hit, _ = roc_curve(targets, scores, sample_weight=weights, drop_intermediate=False)
    lead = interp1d(np.arange(len(far)), far - (1 - hit))
    crossing = brentq(lead, 0, len(far) - 1)
    expected = float(interp1d(np.arange(len(far)), far)(crossing))
    assert equal_error_rate(scores, targets, weights) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("seed", "weighted", "decimals"), CASES)
def test_the_eer_is_that_of_counting(seed, weighted, decimals, eer_by_counting):
    scores, targets, weights = draw(seed, weighted, decimals, size=60)
    expected = eer_by_counting(scores, targets, weights)
    assert equal_error_rate(scores, targets, weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("seed", "weighted", "decimals"), CASES)
@pytest.mark.parametrize("p_target", [0.01, 0.05, 0.5])
def test_the_detection_cost_is_the_least_of_all_thresholds(seed, weighted, decimals, p_target, roc_by_counting):
    scores, targets, weights = draw(seed, weighted, decimals, size=60)
    costs = [p_target * frr + (1 - p_target) * far for far, frr in roc_by_counting(scores, targets, weights)]
    expected = min(costs) / min(p_target, 1 - p_target)
    assert min_dcf(scores, targets, p_target=p_target, weights=weights) == pytest.approx(expected, abs=1e-12)


@given(
    scores=st.lists(st.integers(-3, 3), min_size=4, max_size=40),
    data=st.data(),
)
@settings(deadline=None)
def test_the_eer_depends_on_the_order_of_scores_alone(scores, data):
    targets = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    targets[:2] = True, False
    scores = np.array(scores, dtype=float)
    eer = equal_error_rate(scores, targets)
    assert 0 <= eer <= 1
    assert equal_error_rate(np.exp(scores) + 5, targets) == pytest.approx(eer)
    assert equal_error_rate(-scores, ~targets) == pytest.approx(eer)
    assert equal_error_rate(-scores, targets) == pytest.approx(1 - eer)
    order = np.random.default_rng(0).permutation(len(scores))
    assert equal_error_rate(scores[order], targets[order]) == pytest.approx(eer)
    assert min_dcf(scores, targets, p_target=0.05) <= 1


def test_a_weight_of_two_is_the_trial_twice():
    scores, targets, _ = draw(1, False, 1, size=50)
    weights = 1.0 + (np.arange(50) % 3 == 0)
    twice = np.repeat(np.arange(50), weights.astype(int))
    assert equal_error_rate(scores, targets, weights) == pytest.approx(equal_error_rate(scores[twice], targets[twice]))


def test_perfect_and_useless_verifiers():
    targets = np.array([1, 1, 0, 0])
    assert equal_error_rate([3, 2, 1, 0], targets) == 0
    assert equal_error_rate([0, 0, 0, 0], targets) == 0.5
    assert equal_error_rate([0, 1, 2, 3], targets) == 1
    assert min_dcf([0, 0, 0, 0], targets, p_target=0.01) == 1


@pytest.mark.parametrize("targets", [[1, 1], [0, 0]])
def test_one_kind_of_trial_has_no_error_rate(targets):
    with pytest.raises(TableError, match="needs both"):
        equal_error_rate([0.1, 0.2], targets)


def test_a_speakers_weight_counts_once_in_a_target_and_for_both_sides_of_a_nontarget(simulate, eer_by_counting):
    table = simulate(decimals=1)
    names = sorted(set(table["enrol_speaker"]))
    weights = np.linspace(0.2, 3.0, len(names))
    trials = trials_of(table, weights=pd.Series(weights, index=names))
    by_name = dict(zip(names, weights, strict=True))
    expected_weights = np.array(
        [
            by_name[e] if target else by_name[e] * by_name[t]
            for e, t, target in zip(table["enrol_speaker"], table["test_speaker"], table["target"], strict=True)
        ]
    )
    expected = eer_by_counting(table["score"].to_numpy(), table["target"].to_numpy(), expected_weights)
    assert errors_of(trials).eer == pytest.approx(expected)


def test_rates_at_a_threshold_are_counted(simulate):
    table = simulate(decimals=1)
    trials = trials_of(table)
    at = rates_at(trials, 0.5)
    nontargets, targets = table[~table["target"]], table[table["target"]]
    assert at.far == pytest.approx((nontargets["score"] >= 0.5).mean())
    assert at.frr == pytest.approx((targets["score"] < 0.5).mean())
    nothing = rates_at(trials.where(trials.target_N), 0.5)
    assert nothing.far is None
    assert nothing.frr == at.frr


def test_errors_of_one_kind_of_trial_are_unknown_and_not_zero(simulate):
    trials = trials_of(simulate())
    errors = errors_of(trials.where(~trials.target_N))
    assert errors.targets == 0
    assert errors.eer is None
    assert not errors.measurable
    assert set(errors.min_dcf.values()) == {None}
