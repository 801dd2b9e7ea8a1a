"""Confidence intervals over speakers that are valid for few speakers: the symmetric studentised bootstrap.

For an estimate v with linearised standard error s, and v*, s* of each draw of speakers, the interval is v -+
q s, where q is the quantile of |v* - v| / s* at the confidence level (Hall 1988, "On symmetric bootstrap
confidence intervals"; its coverage error is O(1 / S^2), against O(1 / S) of the percentile interval). Rates
and ratios are studentised on the logarithm and transformed back (`estimands`). The percentile interval is too
short for few speakers, since it knows neither the skew of error counts nor that the standard error is itself
estimated; `benchmarks/statistics_coverage.py` measures both, and the bootstrap over utterances, which fails.

If few speakers decide on an estimate, because of large weights or unusual behaviour, draws without them underestimate
its variance. So q is at least Student's quantile with Satterthwaite's degrees of freedom of the variance, from the
fourth moment of the influences (Satterthwaite 1946; `_freedom`). Below about five deciding speakers
(`deciding_speakers`) no interval is valid: a deciding speaker is missing from a third of all samples, and such samples
do not show it. `benchmarks/statistics_pairs.py` measures this on the pairs of a run and compares other intervals.

Our choices: a draw that leaves the logarithm or its standard error undefined (no speaker who made an error was drawn)
is set aside; if these are more than a tenth of all draws, there is no interval. There is also no interval for a single
speaker or for a rate of zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from isogloss.errors import TableError
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.statistics.estimands import Estimand
from isogloss.judging.statistics.groups import Draws, JointGroups, Sampler, SeparateGroups

Array = NDArray[np.float64]

MAX_UNDEFINED = 0.1
"""Largest share of undefined draws with which there is still an interval."""

BATCH_CELLS = 1 << 22
"""Number of values that one batch of draws holds in memory."""


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; None if the data do not determine them."""

    value: float | None
    low: float | None
    high: float | None
    rests_on: float | None = None
    """Number of speakers that decide on the value, (sum d^2)^2 / sum d^4 of the speakers' influences d; None if
    undefined."""

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
        Either one array of shape (S, K) for each group, if no speaker is in two groups: each group is drawn separately
        and keeps its size. Or one array of shape (S, C, K), if a speaker may have utterances in several of C groups
        (devices, noise levels): then they are drawn with all of them. For K see `estimands`; weights are multiplied in.
    estimands
        What to estimate; see `estimands`.
    resamples
        Draws. With 2,000 draws the end of an interval is uncertain by about 3 % of its length, with 10,000 by half of
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
    found = []
    for estimand, (value, error), collected in zip(estimands, observed, deviations, strict=True):
        deciding, speakers = _deciding(sampler, whole, estimand, float(error[0]))
        if min(sampler.speakers[group] for group in estimand.groups) > 1:
            ratios, freedom = np.concatenate(collected), _freedom(deciding, speakers)
            one = studentised(estimand.restore, value[0], error[0], ratios, confidence=confidence, freedom=freedom)
        else:
            one = Estimate(_finite(estimand.restore(value[0])), None, None)
        found.append(replace(one, rests_on=deciding))
    return found


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


def _deciding(sampler: Sampler, whole: Draws, estimand: Estimand, error: float) -> tuple[float | None, int]:
    """How many speakers decide on an estimate with this standard error, and how many there are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        _, gradient_CRK = estimand.evaluate(whole.totals(estimand.groups))
        influence_S = sampler.influences(estimand.groups, gradient_CRK[:, 0])
    return float("inf") if error == 0 else deciding_speakers(influence_S), len(influence_S)


def _freedom(deciding: float | None, speakers: int) -> float | None:
    """Satterthwaite's degrees of freedom of a variance over speakers, at most their number - 1.

    With the kurtosis k = S / deciding of the influences, 2 / ((k - 3) / S + 2 / (S - 1)): S - 1 where these are normal.
    """
    if deciding is None or speakers < 2:
        return None
    spread = 1 / deciding - 3 / speakers + 2 / (speakers - 1)
    return max(1.0, min(2 / spread if spread > 0 else float("inf"), speakers - 1.0))


def deciding_speakers(influence_S: Array) -> float | None:
    """How many speakers decide on an estimate: the effective number of the squares of their influences.

    (sum d^2)^2 / sum d^4 is n if all of n speakers have the same influence, about n / 3 if influences are normal, and
    near 1 if one speaker decides. None if an influence is undefined; infinite if all influences are zero.
    """
    if not np.isfinite(influence_S).all():
        return None
    largest = float(np.abs(influence_S).max())
    return effective_speakers((influence_S / largest) ** 2) if largest > 0 else float("inf")


def _evaluate(estimand: Estimand, draws: Draws) -> tuple[Array, Array]:
    """Values and standard errors of an estimand, (R,) each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values_R, gradient_CRK = estimand.evaluate(draws.totals(estimand.groups))
        return values_R, np.sqrt(draws.variance(estimand.groups, gradient_CRK))


def studentised(
    restore: Callable[[float], float],
    value: float,
    error: float,
    deviations: Array,
    *,
    confidence: float,
    freedom: float | None = None,
) -> Estimate:
    """The interval from the studentised deviations of the draws.

    Parameters
    ----------
    restore
        From the working scale to the reported one; increasing.
    value, error
        Estimate and standard error of the observed speakers, on the working scale.
    deviations
        |v* - v| / s* of each draw, (R,); not finite where it is undefined.
    confidence
        Level of the interval.
    freedom
        Degrees of freedom of the standard error; the interval is not shorter than Student's with these.
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
    if freedom is not None:
        reach = max(reach, float(stdtrit(freedom, (1 + confidence) / 2)) * error)
    return Estimate(restored, _finite(restore(value - reach)), _finite(restore(value + reach)))


def _finite(value: float) -> float | None:
    """A plain float, or None for NaN and the infinities."""
    return float(value) if np.isfinite(value) else None
