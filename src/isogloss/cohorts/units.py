"""Rows become units: one unit is one speaker at one position.

A tree over positions needs, of every speaker, where he is and how many words and errors he has there; utterances of one
speaker at one position are summed. Most corpora give a speaker one position, so that units are speakers.

Shapes: N rows, U units.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """Speakers at positions, sorted by speaker.

    `coordinates` are latitude_U and longitude_U; `words_U` sums of weights, `errors_U` sums of weight times rate;
    `speaker_U` codes the speaker, ascending, and is None where every unit is a speaker of its own;
    `most_per_speaker` is the largest number of units that a speaker has.
    """

    coordinates: tuple[Floats, Floats]
    words_U: Floats
    errors_U: Floats
    speaker_U: Integers | None
    most_per_speaker: int

    def __len__(self) -> int:
        return len(self.words_U)


def gather_units(
    latitude_N: Floats, longitude_N: Floats, rate_N: Floats, words_N: Floats, speakers_N: NDArray | None
) -> Units:
    """Sum rows that share speaker and position (consecutive ones of a speaker) into units.

    Parameters
    ----------
    latitude_N, longitude_N, rate_N, words_N
        Finite; `words_N` positive.
    speakers_N
        Any labels; None makes every row a speaker of its own.
    """
    if speakers_N is None:
        return Units((latitude_N, longitude_N), words_N, rate_N * words_N, None, 1)
    codes_N = pd.factorize(speakers_N)[0].astype(np.int64, copy=False)
    errors_N = rate_N * words_N
    if np.any(codes_N[1:] < codes_N[:-1]):
        order_N = np.argsort(codes_N, kind="stable")
        codes_N, latitude_N, longitude_N = codes_N[order_N], latitude_N[order_N], longitude_N[order_N]
        words_N, errors_N = words_N[order_N], errors_N[order_N]
    begins_N = np.ones(len(codes_N), dtype=bool)
    for column_N in (codes_N, latitude_N, longitude_N):
        column_changes_N = column_N[1:] != column_N[:-1]
        begins_N[1:] = column_changes_N if column_N is codes_N else begins_N[1:] | column_changes_N
    starts_U = np.flatnonzero(begins_N)
    speaker_U = codes_N[starts_U]
    units_of_speaker = np.bincount(speaker_U)
    most = int(units_of_speaker.max())
    return Units(
        coordinates=(latitude_N[starts_U], longitude_N[starts_U]),
        words_U=np.add.reduceat(words_N, starts_U),
        errors_U=np.add.reduceat(errors_N, starts_U),
        speaker_U=speaker_U if most > 1 else None,
        most_per_speaker=most,
    )
