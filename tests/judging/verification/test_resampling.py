"""Draws of speakers: an error in a draw is the error of the trials that were drawn, and derivatives are derivatives."""

import numpy as np
import pandas as pd
import pytest

from isogloss.judging.verification import errors_of, min_dcf, trials_of
from isogloss.judging.verification.intervals import bootstrap_errors
from isogloss.judging.verification.measures import (
    change,
    change_of_gap,
    change_of_spread,
    cost,
    difference,
    level,
    share,
    spread,
    standard_deviation,
)
from isogloss.judging.verification.resampling import ResampledTrials, draw_speakers


def weights_of_draw(trials, counts):
    """Each trial as often as its speakers were drawn: once a target, the product a non-target."""
    first, second = counts[trials.enrol_N], counts[trials.test_N]
    return np.where(trials.target_N, first, first * second)


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_error_in_a_draw_is_that_of_the_drawn_trials(simulate, eer_by_counting, decimals, weighted):
    table = simulate(decimals=decimals)
    weights = pd.Series(np.linspace(0.5, 2, 12), index=sorted(set(table["enrol_speaker"]))) if weighted else None
    trials = trials_of(table, weights=weights)
    counts = draw_speakers(np.zeros(12, dtype=int), 8, np.random.default_rng(1))
    resampled = ResampledTrials(trials, thresholds=[0.8])
    eer, cost = resampled.equal_error_rate()(counts).values_R, resampled.min_dcf(0.05)(counts).values_R
    far, frr = resampled.false_alarms_at(0.8)(counts).values_R, resampled.misses_at(0.8)(counts).values_R
    for draw, row in enumerate(counts):
        weight = weights_of_draw(trials, row * trials.weight_S)
        assert eer[draw] == pytest.approx(eer_by_counting(trials.score_N, trials.target_N, weight), abs=1e-9)
        expected = min_dcf(trials.score_N, trials.target_N, p_target=0.05, weights=weight)
        assert cost[draw] == pytest.approx(expected, abs=1e-9)
        accepted, target = trials.score_N >= 0.8, trials.target_N
        assert far[draw] == pytest.approx(weight[accepted & ~target].sum() / weight[~target].sum())
        assert frr[draw] == pytest.approx(weight[~accepted & target].sum() / weight[target].sum())


def test_each_stratum_keeps_its_size():
    strata = np.array([0, 0, 0, 1, 1, 2])
    counts = draw_speakers(strata, 50, np.random.default_rng(0))
    for stratum, size in ((0, 3), (1, 2), (2, 1)):
        assert (counts[:, strata == stratum].sum(axis=1) == size).all()


def test_the_influence_of_a_fixed_threshold_is_the_derivative(simulate):
    trials = trials_of(simulate())
    resampled = ResampledTrials(trials, thresholds=[0.8])
    counts = draw_speakers(np.zeros(12, dtype=int), 1, np.random.default_rng(2)) + 1.0
    for function in (resampled.false_alarms_at(0.8), resampled.misses_at(0.8)):
        influence = function(counts).influence_RS[0]
        for speaker in range(12):
            step = np.zeros_like(counts)
            step[0, speaker] = 1e-6
            slope = (function(counts + step).values_R[0] - function(counts - step).values_R[0]) / 2e-6
            assert influence[speaker] == pytest.approx(slope, abs=1e-6)


def test_the_influence_on_the_eer_agrees_with_leaving_speakers_out(simulate):
    trials = trials_of(simulate(speakers=60, shift=1.5))
    function = ResampledTrials(trials).equal_error_rate()
    ones = np.ones((1, 60))
    influence = function(ones).influence_RS[0]
    left_out = np.array([(function(ones - np.eye(60)[[s]]).values_R - function(ones).values_R)[0] for s in range(60)])
    assert np.corrcoef(-influence, left_out)[0, 1] > 0.9


def test_the_standard_error_is_about_the_spread_of_the_draws(simulate):
    trials = trials_of(simulate(speakers=80, shift=1.5))
    function = ResampledTrials(trials).equal_error_rate()
    draws = function(draw_speakers(np.zeros(80, dtype=int), 400, np.random.default_rng(3))).values_R
    error = np.sqrt((function(np.ones((1, 80))).influence_RS ** 2).sum())
    assert error == pytest.approx(draws.std(), rel=0.15)


VALUES = np.array([[0.1, 0.2], [0.3, 0.15], [0.2, 0.25], [0.05, 0.1]])


@pytest.mark.parametrize(
    "measure",
    [
        level(0),
        share(0),
        change(0, 1),
        difference(0, 1),
        change_of_gap((0, 1), (2, 3)),
        spread(standard_deviation, (0, 1, 2)),
        change_of_spread(standard_deviation, (0, 1), (2, 3)),
    ],
)
def test_gradients_of_measures_are_derivatives(measure):
    values = VALUES[: len(measure.uses)]
    _, gradient = measure.evaluate(values)
    for row in range(len(values)):
        step = np.zeros_like(values)
        step[row] = 1e-7
        slope = (measure.evaluate(values + step)[0] - measure.evaluate(values - step)[0]) / 2e-7
        np.testing.assert_allclose(gradient[row], slope, rtol=1e-4, atol=1e-6)


def infer(values, measures, trials, **options):
    options = {"strata_S": np.zeros(len(trials.speakers), dtype=int), "resamples": 300, "confidence": 0.95} | options
    return bootstrap_errors(values, measures, trials=len(trials), seed=1, **options)


def test_an_interval_holds_the_estimate_and_narrows_with_speakers(simulate):
    widths = []
    for speakers in (20, 80):
        trials = trials_of(simulate(speakers=speakers))
        (inference,) = infer([ResampledTrials(trials).equal_error_rate()], [level(0)], trials)
        estimate = inference.estimate
        assert estimate.value == pytest.approx(errors_of(trials).eer)
        assert estimate.low < estimate.value < estimate.high
        widths.append(np.log(estimate.high / estimate.low))
    assert widths[1] < widths[0]


def test_the_same_verifier_has_not_changed_and_a_better_one_has(simulate):
    table = simulate(speakers=40)
    before = trials_of(table)
    better = before.with_scores(table["score"] + 1.0 * table["target"])
    values = [ResampledTrials(side).equal_error_rate() for side in (before, before, better)]
    same, changed = infer(values, [change(0, 1), change(0, 2)], before)
    assert same.estimate.interval == [0.0, 0.0]
    assert changed.estimate.high < 0
    assert changed.p < 0.01


def test_no_bound_of_a_cost_is_above_that_of_rejecting_all(simulate):
    trials = trials_of(simulate(speakers=60, shift=0.5))
    plain, bounded = infer([ResampledTrials(trials).min_dcf(0.05)], [level(0), cost(0)], trials)
    assert plain.estimate.high > 1
    assert bounded.estimate.interval == [plain.estimate.low, 1.0]


def test_a_cost_that_no_speaker_moves_but_draws_do_has_no_interval(simulate):
    table = simulate(speakers=30)
    first = table.index[~table["target"]][0]
    trials = trials_of(table.assign(score=table["score"].mask(table.index == first, 99.0) * 0.3))
    assert min_dcf(trials.score_N, trials.target_N, p_target=0.01) == 1
    (inference,) = infer([ResampledTrials(trials).min_dcf(0.01)], [level(0)], trials)
    assert inference.estimate.value == 1
    assert inference.estimate.interval is None


def test_a_perfect_verifier_has_no_interval(simulate):
    table = simulate(speakers=10)
    trials = trials_of(table.assign(score=table["target"].astype(float)))
    (inference,) = infer([ResampledTrials(trials).equal_error_rate()], [level(0)], trials)
    assert inference.estimate.value == 0
    assert inference.estimate.interval is None
    assert inference.p is None
