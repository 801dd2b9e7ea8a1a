"""Measures of the errors of several groups and verifiers: levels, changes, gaps and spread.

As in `judging.statistics.estimands`, a measure maps values to a number on a working scale, with its gradient; levels
and ratios work on the logarithm, shares on the logit.

Shapes: M values (a group and a verifier each), R draws.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.statistics import estimands as of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A function of some values, and the inverse of its working scale."""

    evaluate: Callable[[Floats], tuple[Floats, Floats]]
    """The function: maps values (M, R) to results on the working scale (R,) and their gradient (M, R)."""
    restore: Callable[[float], float]
    """Maps a result on the working scale to the reported scale; increasing."""
    uses: tuple[int, ...]
    """Indices of the values that the function uses, in the order in which `evaluate` takes them."""


def level(index: int) -> Measure:
    """One value."""
    return Measure(lambda values_MR: (_log(values_MR[0]), 1 / values_MR), of.exponential, (index,))


def cost(index: int) -> Measure:
    """A least detection cost: on the logarithm like a level, but bounds are at most 1, the cost of rejecting all."""
    return Measure(level(index).evaluate, lambda log: min(1.0, of.exponential(log)), (index,))


def share(index: int) -> Measure:
    """A value from 0 to 1, such as the miss rate of a cohort at the threshold of all trials.

    It uses the logit, so that the interval stays between 0 and 1; for small shares this is like the logarithm. A share
    of 0 or 1 has no interval, since the trials do not show how far the true value may be.
    """

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        value_R = values_MR[0]
        return _log(value_R) - _log(1 - value_R), 1 / (values_MR * (1 - values_MR))

    return Measure(evaluate, lambda logit: 0.5 * (1 + math.tanh(0.5 * logit)), (index,))  # Avoids an overflow of exp.


def change(before: int, after: int) -> Measure:
    """after / before - 1."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        return _log(values_MR[1]) - _log(values_MR[0]), np.array([[-1.0], [1.0]]) / values_MR

    return Measure(evaluate, of.relative, (before, after))


def difference(first: int, second: int) -> Measure:
    """second - first, with its sign."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        return values_MR[1] - values_MR[0], np.broadcast_to(np.array([[-1.0], [1.0]]), values_MR.shape)

    return Measure(evaluate, of.as_is, (first, second))


def gap(first: int, second: int) -> Measure:
    """|second - first|."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        value_R = values_MR[1] - values_MR[0]
        return np.abs(value_R), np.stack([-np.sign(value_R), np.sign(value_R)])

    return Measure(evaluate, of.as_is, (first, second))


def change_of_gap(before: tuple[int, int], after: tuple[int, int]) -> Measure:
    """|gap after| - |gap before| of two groups."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        early_R, late_R = values_MR[1] - values_MR[0], values_MR[3] - values_MR[2]
        gradient_MR = np.stack([np.sign(early_R), -np.sign(early_R), -np.sign(late_R), np.sign(late_R)])
        return np.abs(late_R) - np.abs(early_R), gradient_MR

    return Measure(evaluate, of.as_is, (*before, *after))


def spread(measure: of.Spread, groups: Sequence[int]) -> Measure:
    """A measure of the values of several groups; no logarithm, since groups may be equal."""
    return Measure(measure, of.as_is, tuple(groups))


def difference_of_spread(measure: of.Spread, before: Sequence[int], after: Sequence[int]) -> Measure:
    """The same after - before."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        (early_R, early_MR), (late_R, late_MR) = (measure(half) for half in np.split(values_MR, 2))
        return late_R - early_R, np.concatenate([-early_MR, late_MR])

    return Measure(evaluate, of.as_is, (*before, *after))


def change_of_spread(measure: of.Spread, before: Sequence[int], after: Sequence[int]) -> Measure:
    """The same after / before - 1."""

    def evaluate(values_MR: Floats) -> tuple[Floats, Floats]:
        (early_R, early_MR), (late_R, late_MR) = (measure(half) for half in np.split(values_MR, 2))
        return _log(late_R) - _log(early_R), np.concatenate([-early_MR / early_R, late_MR / late_R])

    return Measure(evaluate, of.relative, (*before, *after))


def standard_deviation(rates_CR: Floats) -> tuple[Floats, Floats]:
    """Population standard deviation over groups, each counted once (Jin et al. 2022, 2207.07776)."""
    variance_R, gradient_CR = of.variance_of_rates(rates_CR)
    value_R = np.sqrt(variance_R)
    return value_R, np.divide(gradient_CR, 2 * value_R, out=np.zeros_like(gradient_CR), where=value_R > 0)


def _log(values: Floats) -> Floats:
    """Logarithm: -inf of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(values)
