"""Quantities that are estimated from the totals of speakers: error rates, their changes, and the spread over cohorts.

Each estimand maps the totals of its groups to a number on a *working scale* and to its gradient there, for many draws
at once. Rates and ratios use the logarithm, on which their distribution over few speakers is more symmetric and an
interval cannot cross zero; differences use no transformation.

A group's totals are (numerator, denominator) for one system, or (numerator before, denominator before, numerator after,
denominator after) for two. The logarithm of a rate without any error is -inf; it is transformed back to 0 and has no
interval.

Shapes: R draws, C groups (cohorts), K = 2 or 4 totals of a group.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Evaluation = tuple[Array, Array]
"""Values of shape (R,) and gradients of shape (C, R, K)."""


@dataclass(frozen=True)
class Estimand:
    """A function of the totals of some groups, and the inverse of its working scale."""

    evaluate: Callable[[Array], Evaluation]
    """The function: maps totals of shape (C, R, K) to values on the working scale and their gradients."""
    restore: Callable[[float], float]
    """Maps a value on the working scale to the reported scale; increasing."""
    groups: tuple[int, ...]
    """The groups that the function uses, as indices into those that are drawn together."""


def as_is(value: float) -> float:
    """The reported scale is the working scale."""
    return value


def exponential(value: float) -> float:
    """From a logarithm to a rate or ratio; infinite on overflow."""
    with np.errstate(over="ignore"):
        return float(np.exp(value))


def relative(value: float) -> float:
    """From the logarithm of after / before to the relative change, after / before - 1; infinite as `exponential`."""
    with np.errstate(over="ignore"):
        return float(np.expm1(value))


def rate(group: int = 0, *, column: int = 0) -> Estimand:
    """Ratio of sums of one group; `column` is the index of its numerator (0, or 2 for the system after)."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        gradient_CRK = np.zeros_like(totals_CRK)
        numerator_R, denominator_R = totals_CRK[0, :, column], totals_CRK[0, :, column + 1]
        gradient_CRK[0, :, column] = 1 / numerator_R
        gradient_CRK[0, :, column + 1] = -1 / denominator_R
        return _log(numerator_R) - _log(denominator_R), gradient_CRK

    return Estimand(evaluate, exponential, (group,))


def relative_change(group: int = 0) -> Estimand:
    """Rate after / rate before - 1 of one group."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        signs_K = np.array([-1.0, 1.0, 1.0, -1.0])
        return (_log(totals_CRK[0]) * signs_K).sum(axis=-1), signs_K / totals_CRK

    return Estimand(evaluate, relative, (group,))


def difference(group: int = 0) -> Estimand:
    """Rate after - rate before of one group."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        before_R, after_R = _rates(totals_CRK)[:, 0]
        denominators_RK = totals_CRK[0][:, [1, 3]]
        gradient_RK = np.stack(
            [
                -1 / denominators_RK[:, 0],
                before_R / denominators_RK[:, 0],
                1 / denominators_RK[:, 1],
                -after_R / denominators_RK[:, 1],
            ],
            axis=-1,
        )
        return after_R - before_R, gradient_RK[None]

    return Estimand(evaluate, as_is, (group,))


def ratio_of_groups(group: int = 0, other: int = 1) -> Estimand:
    """Rate of one group / rate of another, one system."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        signs_CK = np.array([[1.0, -1.0], [-1.0, 1.0]])
        values_R = (_log(totals_CRK) * signs_CK[:, None]).sum(axis=(0, 2))
        return values_R, signs_CK[:, None] / totals_CRK

    return Estimand(evaluate, exponential, (group, other))


def difference_of_groups(group: int = 0, other: int = 1) -> Estimand:
    """Rate of one group - rate of another, one system."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        rates_CR = totals_CRK[..., 0] / totals_CRK[..., 1]
        signs_C = np.array([1.0, -1.0])[:, None]
        gradient_CRK = np.stack([signs_C / totals_CRK[..., 1], -signs_C * rates_CR / totals_CRK[..., 1]], axis=-1)
        return rates_CR[0] - rates_CR[1], gradient_CRK

    return Estimand(evaluate, as_is, (group, other))


Spread = Callable[[Array], tuple[Array, Array]]
"""Maps rates (C, R) to a positive measure of them (R,) and its gradient (C, R)."""


def mean_rate(rates_CR: Array) -> tuple[Array, Array]:
    """Mean over cohorts, each counted once."""
    return rates_CR.mean(axis=0), np.full_like(rates_CR, 1 / len(rates_CR))


def largest_rate(rates_CR: Array) -> tuple[Array, Array]:
    """Rate of the worst cohort, whichever it is in each draw."""
    gradient_CR = np.zeros_like(rates_CR)
    gradient_CR[rates_CR.argmax(axis=0), np.arange(rates_CR.shape[1])] = 1.0
    return rates_CR.max(axis=0), gradient_CR


def variance_of_rates(rates_CR: Array) -> tuple[Array, Array]:
    """Population variance over cohorts, each counted once."""
    deviations_CR = rates_CR - rates_CR.mean(axis=0)
    return (deviations_CR**2).mean(axis=0), 2 * deviations_CR / len(rates_CR)


def relative_gap(bottom: int, top: int) -> Spread:
    """(rate of the bottom cohort - rate of the top one) / rate of the top one; both are fixed beforehand."""

    def gap(rates_CR: Array) -> tuple[Array, Array]:
        best_R = np.where(rates_CR[top] > 0, rates_CR[top], np.nan)
        gradient_CR = np.zeros_like(rates_CR)
        gradient_CR[bottom] = 1 / best_R
        gradient_CR[top] = -rates_CR[bottom] / best_R**2
        return rates_CR[bottom] / best_R - 1, gradient_CR

    return gap


def change_of_spread(spread: Spread, groups: Sequence[int]) -> Estimand:
    """Relative change, after / before - 1, of a measure of the rates of several cohorts."""

    def evaluate(totals_CRK: Array) -> Evaluation:
        gradient_CRK = np.empty_like(totals_CRK)
        logs = []
        for column, (sign, rates_CR) in enumerate(zip((-1.0, 1.0), _rates(totals_CRK), strict=True)):
            value_R, slope_CR = spread(rates_CR)
            outer_CR = sign * slope_CR / value_R
            denominator_CR = totals_CRK[..., 2 * column + 1]
            gradient_CRK[..., 2 * column] = outer_CR / denominator_CR
            gradient_CRK[..., 2 * column + 1] = -outer_CR * rates_CR / denominator_CR
            logs.append(_log(value_R))
        return logs[1] - logs[0], gradient_CRK

    return Estimand(evaluate, relative, tuple(groups))


def _rates(totals_CRK: Array) -> Array:
    """Rates before and after, (2, C, R)."""
    return np.stack([totals_CRK[..., 0] / totals_CRK[..., 1], totals_CRK[..., 2] / totals_CRK[..., 3]])


def _log(values: Array) -> Array:
    """Logarithm: -inf of 0, NaN of what is negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)
