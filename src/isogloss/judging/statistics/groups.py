"""Draws of several groups of speakers: separately for each group, or jointly if groups share speakers.

Shapes: S speakers, C groups, R draws, K totals of a speaker in a group.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.statistics.resampling import Moments, Resampler, check_totals, draw_counts

Array = NDArray[np.float64]

ROUNDING = 1e-13
"""A standard error below this share of the summed terms counts as 0."""


def _stream(seed: int, index: int) -> np.random.Generator:
    """A stream of random numbers for one group; SFC64 because it is the fastest that numpy has."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(index,))))


class Draws:
    """Draws of all groups, however they were drawn."""

    def totals(self, groups: Sequence[int]) -> Array:
        """Totals of some groups, (C, R, K)."""
        raise NotImplementedError

    def variance(self, groups: Sequence[int], gradient_CRK: Array) -> Array:
        """Linearised variance of a function of these groups, (R,)."""
        raise NotImplementedError


class _SeparateDraws(Draws):
    """Draws of each group separately: the variances add up."""

    def __init__(self, moments: Sequence[Moments]) -> None:
        self._moments = moments

    def totals(self, groups: Sequence[int]) -> Array:
        """Totals of some groups, (C, R, K)."""
        return np.stack([self._moments[group].sums for group in groups])

    def variance(self, groups: Sequence[int], gradient_CRK: Array) -> Array:
        """The sum of the groups' variances, (R,)."""
        parts = [self._moments[g].variance(slope_RK) for g, slope_RK in zip(groups, gradient_CRK, strict=True)]
        return np.sum(parts, axis=0)


class _JointDraws(Draws):
    """Joint draws of all groups, each speaker with their totals in every group: covariances between groups count.

    Products of all pairs of totals would need thousands of columns, so the speakers' influences are computed instead.
    """

    def __init__(self, counts_RS: Array, totals_SCK: Array) -> None:
        self._counts_RS, self._totals_SCK = counts_RS, totals_SCK

    def totals(self, groups: Sequence[int]) -> Array:
        """Totals of some groups, (C, R, K)."""
        return np.stack([self._counts_RS @ self._totals_SCK[:, group] for group in groups])

    def variance(self, groups: Sequence[int], gradient_CRK: Array) -> Array:
        """The variance with all covariances, (R,)."""
        chosen_SCK = self._totals_SCK[:, list(groups)]
        speakers, draws = len(chosen_SCK), gradient_CRK.shape[1]
        gradient_RL = gradient_CRK.transpose(1, 0, 2).reshape(draws, -1)
        influence_RS = gradient_RL @ chosen_SCK.reshape(speakers, -1).T
        variance_R = np.einsum("rs,rs,rs->r", self._counts_RS, influence_RS, influence_RS)
        scale_R = (np.abs(gradient_CRK) * self.totals(groups)).sum(axis=(0, 2))
        rounding_R = (ROUNDING * scale_R) ** 2
        return np.where(variance_R > rounding_R, variance_R, 0.0) * (speakers / max(speakers - 1, 1))


class SeparateGroups:
    """Draws each group separately."""

    def __init__(self, groups: Sequence[Array], seed: int) -> None:
        self._resamplers = [Resampler(group, _stream(seed, index)) for index, group in enumerate(groups)]
        self.cells = sum(resampler.columns for resampler in self._resamplers)
        self.speakers = [resampler.speakers for resampler in self._resamplers]

    def influences(self, groups: Sequence[int], gradient_CK: Array) -> Array:
        """The first-order influence of each speaker of these groups on a function of the totals, (S,)."""
        pairs = zip(groups, gradient_CK, strict=True)
        return np.concatenate([self._resamplers[group].influences(slope_K) for group, slope_K in pairs])

    def observed(self) -> Draws:
        """Each speaker once."""
        return _SeparateDraws([resampler.observed() for resampler in self._resamplers])

    def draw(self, draws: int) -> Draws:
        """Some draws with replacement."""
        return _SeparateDraws([resampler.draw(draws) for resampler in self._resamplers])


class JointGroups:
    """Draws speakers with their totals in all groups."""

    def __init__(self, totals_SCK: Array, seed: int) -> None:
        size, width, columns = totals_SCK.shape
        self._totals_SCK = check_totals(totals_SCK.reshape(size, width * columns)).reshape(size, width, columns)
        self._rng = _stream(seed, 0)
        self.cells = size
        self.speakers = [int((totals_SCK[:, group] != 0).any(axis=1).sum()) for group in range(width)]

    def influences(self, groups: Sequence[int], gradient_CK: Array) -> Array:
        """The first-order influence of each speaker on a function of the totals of these groups, (S,)."""
        return np.einsum("sck,ck->s", self._totals_SCK[:, list(groups)], gradient_CK)

    def observed(self) -> Draws:
        """Each speaker once."""
        return _JointDraws(np.ones((1, self.cells)), self._totals_SCK)

    def draw(self, draws: int) -> Draws:
        """Some draws with replacement."""
        return _JointDraws(draw_counts(draws, self.cells, self._rng), self._totals_SCK)


Sampler = SeparateGroups | JointGroups
