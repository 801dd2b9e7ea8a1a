"""Where speech begins and ends in the recording of one utterance, by its energy, and how loud it is.

N samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Seconds = float

FRAME: Seconds = 0.01
QUIET, LOUD = 5.0, 95.0
SPEECH_SHARE = 0.25
SHORTEST_SPEECH = 3
"""These values are those of `isogloss.judging.latency.end_of_speech`, by which emission delay is measured."""
AROUND: Seconds = 0.02
"""Seconds that are kept before and after the speech, since its beginning and end can be weak (our choice)."""
LEAST_POWER = 1e-10


@dataclass(frozen=True)
class Speech:
    """The part of a recording in which somebody speaks.

    Attributes
    ----------
    start, end
        Seconds from the beginning of the recording.
    level
        Root mean square of the samples there.
    """

    start: Seconds
    end: Seconds
    level: float


def find_speech(samples_N: NDArray[np.floating], sampling_rate: int) -> Speech | None:
    """The speech of a recording, or None where no sound lasts 30 ms.

    A frame of 10 ms is speech whose level is at least a quarter of the way up, in decibels, from the 5th percentile of
    the recording's levels to the 95th; speech lasts from the first run of three such frames to the last (our choice).
    """
    size = round(FRAME * sampling_rate)
    frames = len(samples_N) // size
    if frames < SHORTEST_SPEECH:
        return None
    power_T = np.square(samples_N[: frames * size].reshape(frames, size), dtype=np.float64).mean(axis=1)
    if power_T.max() <= LEAST_POWER:
        return None
    level_T = np.log(np.maximum(power_T, LEAST_POWER))
    quiet, loud = np.percentile(level_T, [QUIET, LOUD])
    is_speech_T = level_T >= quiet + SPEECH_SHARE * (loud - quiet)
    runs = np.flatnonzero(np.lib.stride_tricks.sliding_window_view(is_speech_T, SHORTEST_SPEECH).all(axis=1))
    if not len(runs):
        return None
    start, end = runs[0] * FRAME, (runs[-1] + SHORTEST_SPEECH) * FRAME
    within = power_T[runs[0] : runs[-1] + SHORTEST_SPEECH]
    whole = len(samples_N) / sampling_rate
    return Speech(max(0.0, start - AROUND), min(whole, end + AROUND), float(np.sqrt(within.mean())))
