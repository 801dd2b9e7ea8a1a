"""A test of whether the best split of a region is better than expected of the best of many splits by chance.

A permutation test over speakers (our choice; the idea of stopping a tree by a permutation test is that of conditional
inference trees, Hothorn, Hornik & Zeileis 2006). Under the null hypothesis the errors of a speaker do not depend on
where in the region they are, so speakers may exchange positions, taking their errors and words along. The statistic is
the largest gain over *all* admissible boundaries of both axes, recomputed for each permutation. So the choice of the
best of many thresholds is accounted for exactly, for any number of speakers and any correlation between the utterances
of a speaker. Since a split is tested only where its parent was split, the chance that a map without any disparity is
split at all is at most alpha.

Shapes: S speakers, K boundaries.
"""

import math

import numpy as np

from isogloss.cohorts.speaker_sums import Floats, Integers, SpeakerSums
from isogloss.cohorts.tree import split_gain

MOST_SPEAKERS = 20_000
"""With more speakers, a random selection of this number is tested, which keeps the level and has enough power."""
EXCEEDANCES = 20
"""Number of permutations with at least the observed gain at which a split is given up. It sets the number of
permutations of a test, 20 / alpha - 1."""


class SpeakerPermutationTest:
    """Tests regions one after the other, with one random stream."""

    def __init__(self, speakers: SpeakerSums, *, min_speakers: int, min_words: float, alpha: float, seed: int) -> None:
        self._speakers = speakers
        self._min_speakers, self._min_words = min_speakers, min_words
        self._permutations = math.ceil(EXCEEDANCES / alpha) - 1
        self._alpha = alpha
        self._generator = np.random.default_rng(seed)

    def __call__(self, member_S: Integers) -> bool:
        """Whether p = (1 + permutations with at least the observed gain) / (1 + permutations) is at most alpha.

        `member_S` are the indices of the region's speakers.
        """
        share = 1.0
        if len(member_S) > MOST_SPEAKERS:
            share = MOST_SPEAKERS / len(member_S)
            member_S = member_S[self._generator.choice(len(member_S), MOST_SPEAKERS, replace=False)]
        words_S, errors_S = self._speakers.words_S[member_S], self._speakers.errors_S[member_S]
        least = max(1, math.floor(self._min_speakers * share))
        places = [
            _Places(values_S, least, self._min_words * share) for values_S in self._speakers.position_S2[member_S].T
        ]
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


class _Places:
    """One axis: the order of speakers on it, and the positions in this order at which a boundary may lie."""

    def __init__(self, values_S: Floats, min_speakers: int, min_words: float) -> None:
        self._order_S = np.argsort(values_S, kind="stable")
        sorted_S = values_S[self._order_S]
        last_K = np.flatnonzero(sorted_S[1:] > sorted_S[:-1])
        speakers_K = np.minimum(last_K + 1, len(values_S) - last_K - 1)
        self._last_K = last_K[speakers_K >= min_speakers]
        self._min_words = min_words

    def largest_gain(self, words_S: Floats, errors_S: Floats) -> float:
        """The gain of the best boundary when the speakers have these words and errors; 0 without any boundary."""
        words_below_S, errors_below_S = np.cumsum(words_S[self._order_S]), np.cumsum(errors_S[self._order_S])
        words, errors = words_below_S[-1], errors_below_S[-1]
        words_K = words_below_S[self._last_K]
        gain_K = split_gain(words_K, errors_below_S[self._last_K], words, errors)
        enough_K = np.minimum(words_K, words - words_K) >= self._min_words
        return float(gain_K.max(initial=0.0, where=enough_K))
