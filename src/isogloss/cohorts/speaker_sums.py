"""Rows become speakers: the words and errors of each, and where they are.

Speakers are the unit of a cohort rule, however many utterances they have. Most corpora give a speaker one position; one
with several stands at their word-weighted mean.

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

    def __len__(self) -> int:
        return len(self.words_S)


def speaker_sums(position_N2: Floats, rate_N: Floats, words_N: Floats, speakers_N: NDArray | None) -> SpeakerSums:
    """Sum rows by speaker.

    Parameters
    ----------
    position_N2, rate_N, words_N
        Finite; `words_N` positive.
    speakers_N
        Any labels; None makes every row a speaker of its own.
    """
    errors_N = rate_N * words_N
    if speakers_N is None:
        return SpeakerSums(position_N2, words_N, errors_N)
    codes_N = pd.factorize(speakers_N)[0]
    if np.any(codes_N[1:] < codes_N[:-1]):
        order_N = np.argsort(codes_N, kind="stable")
        codes_N, position_N2 = codes_N[order_N], position_N2[order_N]
        words_N, errors_N = words_N[order_N], errors_N[order_N]
    starts_S = np.flatnonzero(np.diff(codes_N, prepend=-1))
    words_S = np.add.reduceat(words_N, starts_S)
    # Relative to the first position, so that the mean of equal ones is that position to the last bit.
    first_S2 = position_N2[starts_S]
    shift_N2 = (position_N2 - first_S2[codes_N]) * words_N[:, None]
    return SpeakerSums(
        position_S2=first_S2 + np.add.reduceat(shift_N2, starts_S) / words_S[:, None],
        words_S=words_S,
        errors_S=np.add.reduceat(errors_N, starts_S),
    )
