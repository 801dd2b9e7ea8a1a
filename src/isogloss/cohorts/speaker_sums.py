"""Sums of rows by speaker: the words, errors and position of each speaker.

The unit of a cohort rule is the speaker, with any number of utterances. Most corpora give a speaker one position; for a
speaker with several, the word-weighted mean is used, of longitudes the shorter way round.

Shapes: N rows, S speakers.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SpeakerSums:
    """Speakers in the order in which they first appear: sums of weights, and of weight times rate."""

    position_S2: Floats
    words_S: Floats
    errors_S: Floats
    weight_S: Floats
    """Weight of each speaker in the population."""

    def where(self, member_S: Integers) -> "SpeakerSums":
        """Some of the speakers."""
        return SpeakerSums(*(part[member_S] for part in (self.position_S2, self.words_S, self.errors_S, self.weight_S)))

    def __len__(self) -> int:
        return len(self.words_S)


def speaker_sums(
    position_N2: Floats, rate_N: Floats, words_N: Floats, speakers_N: NDArray | None, weight_N: Floats | None = None
) -> SpeakerSums:
    """Sum rows by speaker.

    Parameters
    ----------
    position_N2, rate_N, words_N
        Finite; `words_N` positive.
    speakers_N
        Any labels; None makes every row a speaker of its own.
    weight_N
        The weight of the row's speaker in the population; 1 each where there is none.
    """
    errors_N = rate_N * words_N
    weight_N = np.ones(len(words_N)) if weight_N is None else weight_N
    if speakers_N is None:
        return SpeakerSums(position_N2, words_N, errors_N, weight_N)
    codes_N = pd.factorize(speakers_N)[0]
    if np.any(codes_N[1:] < codes_N[:-1]):
        order_N = np.argsort(codes_N, kind="stable")
        codes_N, position_N2 = codes_N[order_N], position_N2[order_N]
        words_N, errors_N, weight_N = words_N[order_N], errors_N[order_N], weight_N[order_N]
    starts_S = np.flatnonzero(np.diff(codes_N, prepend=-1))
    words_S = np.add.reduceat(words_N, starts_S)
    # Relative to the first position, so that the mean of equal ones is that position to the last bit.
    first_S2 = position_N2[starts_S]
    away_N2 = position_N2 - first_S2[codes_N]
    # The shorter way round: the mean of 179 and -179 degrees of longitude is 180, not 0.
    away_N2[:, 1] -= 360 * np.sign(away_N2[:, 1]) * (np.abs(away_N2[:, 1]) > 180)
    mean_S2 = first_S2 + np.add.reduceat(away_N2 * words_N[:, None], starts_S) / words_S[:, None]
    mean_S2[:, 1] -= 360 * np.sign(mean_S2[:, 1]) * (np.abs(mean_S2[:, 1]) > 180)
    return SpeakerSums(
        position_S2=mean_S2,
        words_S=words_S,
        errors_S=np.add.reduceat(errors_N, starts_S),
        weight_S=weight_N[starts_S],
    )
