"""Several groups of speakers drawn together: each for itself, or all at once where speakers are shared.

Shapes: S speakers, C groups, R draws, K totals of a speaker in a group.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.evaluation.statistics.resampling import Moments, Resampler

Array = NDArray[np.float64]


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
    """Each group drawn for itself: the variances add up."""

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
    """All groups drawn at once, a speaker with his totals in each: covariances between groups count."""

    def __init__(self, moments: Moments, width: int) -> None:
        self._moments, self._width = moments, width

    def totals(self, groups: Sequence[int]) -> Array:
        """Totals of some groups, (C, R, K)."""
        sums_RK = self._moments.sums
        return sums_RK.reshape(len(sums_RK), self._width, -1).transpose(1, 0, 2)[list(groups)]

    def variance(self, groups: Sequence[int], gradient_CRK: Array) -> Array:
        """The variance with all covariances, (R,)."""
        _, draws, totals = gradient_CRK.shape
        gradient_RCK = np.zeros((draws, self._width, totals))
        gradient_RCK[:, list(groups)] = gradient_CRK.transpose(1, 0, 2)
        return self._moments.variance(gradient_RCK.reshape(draws, -1))


class SeparateGroups:
    """Draws each group for itself."""

    def __init__(self, groups: Sequence[Array], seed: int) -> None:
        self._resamplers = [Resampler(group, _stream(seed, index)) for index, group in enumerate(groups)]
        self.columns = sum(resampler.columns for resampler in self._resamplers)
        self.speakers = [resampler.speakers for resampler in self._resamplers]

    def observed(self) -> Draws:
        """Each speaker once."""
        return _SeparateDraws([resampler.observed() for resampler in self._resamplers])

    def draw(self, draws: int) -> Draws:
        """Some draws with replacement."""
        return _SeparateDraws([resampler.draw(draws) for resampler in self._resamplers])


class JointGroups:
    """Draws speakers with their totals in all groups."""

    def __init__(self, totals_SCK: Array, seed: int) -> None:
        speakers, self._width, columns = totals_SCK.shape
        self._resampler = Resampler(totals_SCK.reshape(speakers, self._width * columns), _stream(seed, 0))
        self.columns = self._resampler.columns
        self.speakers = [int((totals_SCK[:, group] != 0).any(axis=1).sum()) for group in range(self._width)]

    def observed(self) -> Draws:
        """Each speaker once."""
        return _JointDraws(self._resampler.observed(), self._width)

    def draw(self, draws: int) -> Draws:
        """Some draws with replacement."""
        return _JointDraws(self._resampler.draw(draws), self._width)


Sampler = SeparateGroups | JointGroups
