"""Confidence intervals over speakers that hold for few of them: the symmetric studentised bootstrap.

For an estimate v with linearised standard error s, and v*, s* of each draw of speakers, the interval is v -+
q s, where q is the quantile of |v* - v| / s* at the confidence level (Hall 1988, "On symmetric bootstrap
confidence intervals"; its coverage error is O(1 / S^2), against O(1 / S) of the percentile interval). Rates
and ratios are studentised on the logarithm and transformed back (`estimands`). The percentile interval is too
short for few speakers, since it knows neither the skew of error counts nor that the standard error is itself
estimated; `benchmarks/statistics_coverage.py` measures both, and the bootstrap over utterances, which fails.

Our choices: a draw that leaves the logarithm or its standard error undefined (no speaker who made an error
was drawn) is set aside; where these are more than a tenth of all draws, there is no interval. Nor is there
one for a single speaker, or for a rate of zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isogloss.errors import TableError
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.estimands import Estimand
from isogloss.judging.statistics.groups import Draws, JointGroups, Sampler, SeparateGroups

Array = NDArray[np.float64]

MAX_UNDEFINED = 0.1
"""Share of draws that may be undefined before an interval is refused."""

BATCH_CELLS = 1 << 22
"""Numbers held at once for a batch of draws."""


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; None for what the data cannot say."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def interval(self) -> list[float] | None:
        """[low, high], or None."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def bootstrap(
    groups: Sequence[Array] | Array,
    estimands: Sequence[Estimand],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 1,
) -> list[Estimate]:
    """Estimate functions of the totals of speakers in several groups, from the same draws.

    Parameters
    ----------
    groups
        Either one array of shape (S, K) a group, whose speakers belong to that group alone: each group is
        drawn for itself and keeps its size. Or one array of shape (S, C, K), if a speaker may have utterances
        in several of C groups (devices, noise levels): then they are drawn with all of them. K as `estimands`
        says, weights multiplied in.
    estimands
        What to estimate; see `estimands`.
    resamples
        Draws. 2,000 leave the end of an interval uncertain by about 3 % of its length, 10,000 by half of
        that.
    confidence
        Level of the intervals.
    seed
        The same seed gives the same draws; a group's draws do not depend on the other groups.

    Raises
    ------
    TableError
        A group has no speaker, or a total is not finite.
    """
    if not estimands:
        return []
    sampler: Sampler = JointGroups(groups, seed) if isinstance(groups, np.ndarray) else SeparateGroups(groups, seed)
    whole = sampler.observed()
    observed = [_evaluate(estimand, whole) for estimand in estimands]
    deviations: list[list[Array]] = [[] for _ in estimands]
    batch = max(1, BATCH_CELLS // sampler.cells)
    for start in range(0, resamples, batch):
        draws = sampler.draw(min(batch, resamples - start))
        for estimand, (value, _), collected in zip(estimands, observed, deviations, strict=True):
            values_R, errors_R = _evaluate(estimand, draws)
            with np.errstate(divide="ignore", invalid="ignore"):
                collected.append(np.abs(values_R - value[0]) / errors_R)
    return [
        studentised(estimand.restore, value[0], error[0], np.concatenate(collected), confidence=confidence)
        if min(sampler.speakers[group] for group in estimand.groups) > 1
        else Estimate(_finite(estimand.restore(value[0])), None, None)
        for estimand, (value, error), collected in zip(estimands, observed, deviations, strict=True)
    ]


def ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 1,
) -> Estimate:
    """A ratio of sums over speakers, sum(numerator) / sum(denominator), such as the error rate of one system.

    `numerator` and `denominator` hold one number a speaker: summed over their utterances, weights multiplied
    in.
    """
    totals = totals_of(numerator, denominator)
    return bootstrap([totals], [of.rate()], resamples=resamples, confidence=confidence, seed=seed)[0]


def totals_of(*columns: ArrayLike) -> Array:
    """Totals of shape (S, K) from K columns of one number a speaker.

    Raises
    ------
    TableError
        The columns have different lengths.
    """
    arrays = [np.asarray(column, dtype=np.float64).ravel() for column in columns]
    sizes = {array.size for array in arrays}
    if len(sizes) > 1:
        raise TableError(f"totals of {sorted(sizes)} speakers stand side by side; give each speaker one of each")
    return np.stack(arrays, axis=1)


def point(groups: Sequence[Array], estimand: Estimand) -> float:
    """The estimate on the estimand's working scale; not finite where it is undefined."""
    value, _ = _evaluate(estimand, SeparateGroups(groups, seed=0).observed())
    return float(value[0])


def standard_error(groups: Sequence[Array], estimand: Estimand) -> float | None:
    """Linearised standard error on the estimand's working scale; None where it is undefined.

    Undefined with a single speaker in a group, or where a logarithm of zero would be taken.
    """
    sampler = SeparateGroups(groups, seed=0)
    value, error = _evaluate(estimand, sampler.observed())
    defined = min(sampler.speakers) > 1 and np.isfinite(value[0]) and np.isfinite(error[0])
    return float(error[0]) if defined else None


def _evaluate(estimand: Estimand, draws: Draws) -> tuple[Array, Array]:
    """Values and standard errors of an estimand, (R,) each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values_R, gradient_CRK = estimand.evaluate(draws.totals(estimand.groups))
        return values_R, np.sqrt(draws.variance(estimand.groups, gradient_CRK))


def studentised(
    restore: Callable[[float], float], value: float, error: float, deviations: Array, *, confidence: float
) -> Estimate:
    """The interval from the studentised deviations of the draws.

    Parameters
    ----------
    restore
        From the working scale to the reported one; increasing.
    value, error
        Of the speakers as they are, on the working scale.
    deviations
        |v* - v| / s* of each draw, (R,); not finite where it is undefined.
    confidence
        Level of the interval.
    """
    restored = _finite(restore(value))
    if not np.isfinite(value) or not np.isfinite(error):
        return Estimate(restored, None, None)
    if error == 0:
        return Estimate(restored, restored, restored)
    defined = deviations[np.isfinite(deviations)]
    if defined.size < (1 - MAX_UNDEFINED) * deviations.size:
        return Estimate(restored, None, None)
    reach = float(np.quantile(defined, confidence)) * error
    return Estimate(restored, _finite(restore(value - reach)), _finite(restore(value + reach)))


def _finite(value: float) -> float | None:
    """A plain float, or None for NaN and the infinities."""
    return float(value) if np.isfinite(value) else None
