"""Confidence intervals and p values over speakers for errors of verification: the symmetric studentised bootstrap.

The method is that of `judging.statistics.intervals`, whose totals by speaker cannot represent trials between two
speakers. All values are computed from the same draws, so that two verifiers, or a group and the whole, are compared
speaker by speaker.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.statistics.intervals import Estimate, studentised
from isogloss.judging.verification.measures import Measure
from isogloss.judging.verification.resampling import Resampled, draw_speakers

Floats = NDArray[np.float64]

BATCH_CELLS = 1 << 22
"""Number of values that one batch of draws holds in memory."""


@dataclass(frozen=True)
class Inference:
    """An estimate, and the p value of "the measure is zero on its working scale" (no change, no difference)."""

    estimate: Estimate
    p: float | None


def bootstrap_errors(
    values: Sequence[Callable[[Floats], Resampled]],
    measures: Sequence[Measure],
    *,
    strata_S: Sequence[int] | NDArray[np.intp],
    trials: int,
    resamples: int,
    confidence: float,
    seed: int,
) -> list[Inference]:
    """Estimate measures of errors of verification.

    Parameters
    ----------
    values
        Arguments of the measures: functions of the counts of speakers (`ResampledTrials`).
    measures
        What to estimate.
    strata_S
        Group of each speaker; each group is drawn separately and keeps its size. Use one group for measures of all
        speakers.
    trials
        Largest number of trials of a value; with fewer trials, more draws are in memory at once.
    resamples, confidence, seed
        As in `statistics.bootstrap`.

    Returns
    -------
    One `Inference` for each measure; without interval and p value if the measure is undefined in too many draws.
    """
    strata = np.asarray(strata_S)
    factor_S = _small_sample_factors(strata)
    whole = [value(np.ones((1, len(strata)))) for value in values]
    observed = [_evaluate(measure, whole, np.ones((1, len(strata))), factor_S) for measure in measures]
    rng = np.random.Generator(np.random.SFC64(seed))
    deviations: list[list[Floats]] = [[] for _ in measures]
    batch = max(1, BATCH_CELLS // max(trials, len(strata) * len(values)))
    for start in range(0, resamples, batch):
        counts_RS = draw_speakers(strata, min(batch, resamples - start), rng)
        draws = [value(counts_RS) for value in values]
        for measure, (value, _), collected in zip(measures, observed, deviations, strict=True):
            values_R, errors_R = _evaluate(measure, draws, counts_RS, factor_S)
            with np.errstate(divide="ignore", invalid="ignore"):
                collected.append(np.abs(values_R - value[0]) / errors_R)
    return [
        _inference(measure, float(value[0]), float(error[0]), np.concatenate(collected), confidence)
        for measure, (value, error), collected in zip(measures, observed, deviations, strict=True)
    ]


def _inference(measure: Measure, value: float, error: float, deviations: Floats, confidence: float) -> Inference:
    """Interval and p value from the studentised deviations."""
    if error == 0 and np.isinf(deviations).any():
        # All influences are zero, but draws differ: a detection cost of 1, at which rejecting all trials is best.
        return Inference(Estimate(measure.restore(value), None, None), None)
    estimate = studentised(measure.restore, value, error, deviations, confidence=confidence)
    if estimate.interval is None or error == 0:
        return Inference(estimate, None)
    defined = deviations[np.isfinite(deviations)]
    return Inference(estimate, float((1 + np.count_nonzero(defined >= abs(value) / error)) / (1 + len(defined))))


def at_observed(
    values: Sequence[Callable[[Floats], Resampled]], measure: Measure, strata_S: Sequence[int] | NDArray[np.intp]
) -> tuple[float, Floats]:
    """A measure of the observed speakers, on its working scale, and each speaker's part in its error (S,).

    The squares of the parts sum to the variance over speakers. Parts of several estimates on the same speakers may be
    averaged: the squares of the mean parts then sum to the variance of the mean estimate.

    Parameters
    ----------
    values, strata_S
        As `bootstrap_errors`.
    """
    strata = np.asarray(strata_S)
    ones_1S = np.ones((1, len(strata)))
    value_R, influence_RS = _linearised(measure, [value(ones_1S) for value in values], ones_1S)
    # Speakers without trials have no influence.
    factor_S = np.where(influence_RS[0] == 0, 1.0, _small_sample_factors(strata))
    return float(value_R[0]), np.sqrt(factor_S) * influence_RS[0]


def _evaluate(
    measure: Measure, draws: Sequence[Resampled], counts_RS: Floats, factor_S: Floats
) -> tuple[Floats, Floats]:
    """Values and standard errors of a measure, (R,) each."""
    values_R, influence_RS = _linearised(measure, draws, counts_RS)
    with np.errstate(invalid="ignore"):
        parts_RS = factor_S * counts_RS * influence_RS**2
        # The factor of a speaker alone in their stratum is infinite; a measure that they have no part in has its error.
        parts_RS[:, np.isinf(factor_S)] = np.where(influence_RS[:, np.isinf(factor_S)] == 0, 0.0, np.inf)
        return values_R, np.sqrt(parts_RS.sum(axis=1))


def _linearised(measure: Measure, draws: Sequence[Resampled], counts_RS: Floats) -> tuple[Floats, Floats]:
    """Values of a measure (R,), and their derivatives with respect to each speaker's count (R, S)."""
    used = [draws[index] for index in measure.uses]
    with np.errstate(divide="ignore", invalid="ignore"):
        values_R, gradient_MR = measure.evaluate(np.stack([one.values_R for one in used]))
        influence_RS = np.zeros_like(counts_RS)
        for gradient_R, one in zip(gradient_MR, used, strict=True):
            influence_RS += gradient_R[:, None] * one.influence_RS
    return values_R, influence_RS


def _small_sample_factors(strata: NDArray[np.intp]) -> Floats:
    """n / (n - 1) of each speaker's stratum; infinite for one alone, whose interval is unknown."""
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    with np.errstate(divide="ignore"):
        return (sizes / (sizes - 1.0))[codes]
