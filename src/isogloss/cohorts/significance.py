"""Is the best split of a region more than what the best of many splits shows by chance?

A permutation test over speakers (our choice; the idea of stopping a tree by a permutation test is that of conditional
inference trees, Hothorn, Hornik & Zeileis 2006). Under the null hypothesis the errors of a speaker do not depend on
where in the region he is, so speakers may exchange positions, each taking his errors and words along. The statistic is
the largest gain over *all* admissible boundaries of both axes, recomputed for each permutation: the choice of the best
of many thresholds is thereby allowed for exactly, at any number of speakers, with utterances of a speaker as
correlated as they may be. Since a split is tested only where its parent was split, the chance that a map without any
disparity is split at all is at most alpha.

A speaker with several positions in the region stands, in the test, at their word-weighted mean.

Shapes: S speakers, K boundaries.
"""

import math

import numpy as np

from isogloss.cohorts.growth import Bounds, split_gain
from isogloss.cohorts.regions import Region
from isogloss.cohorts.units import Floats, Integers, Units

MOST_SPEAKERS = 20_000
"""Of more speakers a random selection of so many is tested: the level is the same, and power is ample."""
EXCEEDANCES = 20
"""Permutations that may reach the observed gain before the split is given up; sets their number, 20 / alpha - 1."""


class SpeakerPermutationTest:
    """Decides on regions, one after the other, with one random stream."""

    def __init__(self, units: Units, bounds: Bounds, *, alpha: float, seed: int) -> None:
        self._units = units
        self._bounds = bounds
        self._permutations = math.ceil(EXCEEDANCES / alpha) - 1
        self._alpha = alpha
        self._generator = np.random.default_rng(seed)

    def __call__(self, region: Region) -> bool:
        """Whether p = (1 + permutations with at least the observed gain) / (1 + permutations) is at most alpha."""
        words_S, errors_S, coordinates = self._speakers(region.members())
        share = 1.0
        if len(words_S) > MOST_SPEAKERS:
            share = MOST_SPEAKERS / len(words_S)
            chosen_S = self._generator.choice(len(words_S), MOST_SPEAKERS, replace=False)
            words_S, errors_S = words_S[chosen_S], errors_S[chosen_S]
            coordinates = [values_S[chosen_S] for values_S in coordinates]
        bounds = Bounds(max(1, math.floor(self._bounds.min_speakers * share)), self._bounds.min_words * share)
        places = [_Places(values_S, bounds) for values_S in coordinates]
        observed = max(place.largest_gain(words_S, errors_S) for place in places)
        allowed = math.floor(self._alpha * (self._permutations + 1)) - 1
        reached = 0
        for _ in range(self._permutations):
            order_S = self._generator.permutation(len(words_S))
            permuted = words_S[order_S], errors_S[order_S]
            reached += max(place.largest_gain(*permuted) for place in places) >= observed
            if reached > allowed:
                return False
        return True

    def _speakers(self, members_U: Integers) -> tuple[Floats, Floats, list[Floats]]:
        """Words, errors and position of each speaker of some units."""
        words_U, errors_U = self._units.words_U[members_U], self._units.errors_U[members_U]
        coordinates = [values_U[members_U] for values_U in self._units.coordinates]
        if self._units.speaker_U is None:
            return words_U, errors_U, coordinates
        starts_S = np.flatnonzero(np.diff(self._units.speaker_U[members_U], prepend=-1))
        words_S = np.add.reduceat(words_U, starts_S)
        means = [np.add.reduceat(values_U * words_U, starts_S) / words_S for values_U in coordinates]
        return words_S, np.add.reduceat(errors_U, starts_S), means


class _Places:
    """One axis: the order of speakers on it, and after which of them a boundary may lie."""

    def __init__(self, values_S: Floats, bounds: Bounds) -> None:
        self._order_S = np.argsort(values_S, kind="stable")
        sorted_S = values_S[self._order_S]
        last_K = np.flatnonzero(sorted_S[1:] > sorted_S[:-1])
        speakers_K = np.minimum(last_K + 1, len(values_S) - last_K - 1)
        self._last_K = last_K[speakers_K >= bounds.min_speakers]
        self._min_words = bounds.min_words

    def largest_gain(self, words_S: Floats, errors_S: Floats) -> float:
        """The gain of the best boundary when the speakers have these words and errors; 0 without any boundary."""
        words_below_S, errors_below_S = np.cumsum(words_S[self._order_S]), np.cumsum(errors_S[self._order_S])
        words, errors = words_below_S[-1], errors_below_S[-1]
        words_K = words_below_S[self._last_K]
        gain_K = split_gain(words_K, errors_below_S[self._last_K], words, errors)
        enough_K = np.minimum(words_K, words - words_K) >= self._min_words
        return float(gain_K.max(initial=0.0, where=enough_K))
