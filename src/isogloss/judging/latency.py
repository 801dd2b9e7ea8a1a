"""Latency of a streaming recogniser: its algorithmic latency, and the delay of its last word. No torch.

Algorithmic latency is the audio that must arrive before a word can be emitted; it does not count computing time.
Emission delay is measured on utterances with hypothesis times: from the end of speech to the audio that the recogniser
had received when it emitted the last token of the utterance (as Yu et al. 2021, 2010.11148, section 4, measure
partial-recognition latency, which takes the end of the last word from a forced alignment; here an energy rule finds it,
our choice).

T feature frames, F mel filters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Seconds = float
Milliseconds = float

FRAME_SHIFT: Seconds = 0.01
WINDOW: Seconds = 0.025
FRAME_HEARD: Seconds = 0.0175
"""Time from the beginning of a frame of 10 ms to the end of the window around it."""

QUIET, LOUD = 5.0, 95.0
"""Percentiles of the frame levels of an utterance that stand for its background and its speech."""
SPEECH_SHARE = 0.25
"""A frame is speech if its level in decibels is at least this share of the way from background to speech."""
SHORTEST_SPEECH = 3
"""Fewest consecutive frames of a sound that counts as speech; a shorter one counts as a click."""


def end_of_speech(log_mel_TF: NDArray[np.floating]) -> Seconds | None:
    """The time at which the last sound of an utterance ends, by its energy.

    A frame is speech whose level (the power in all filters, in decibels) is at least a quarter of the way up from the
    utterance's 5th percentile of levels to its 95th; the end is that of the last run of three such frames or more. All
    numbers are our choice.

    Parameters
    ----------
    log_mel_TF
        Log-mel features (natural logarithm, not normalised), a frame each 10 ms.

    Returns
    -------
    Seconds from the beginning, or None where no run is long enough.
    """
    if len(log_mel_TF) < SHORTEST_SPEECH:
        return None
    level_T = np.logaddexp.reduce(np.asarray(log_mel_TF, dtype=np.float64), axis=1)
    quiet, loud = np.percentile(level_T, [QUIET, LOUD])
    speech_T = level_T >= quiet + SPEECH_SHARE * (loud - quiet)
    runs = np.lib.stride_tricks.sliding_window_view(speech_T, SHORTEST_SPEECH).all(axis=1)
    if not runs.any():
        return None
    return float(np.flatnonzero(runs)[-1] + SHORTEST_SPEECH) * FRAME_SHIFT


def algorithmic_latency(*, subsampling: int, lookahead_frames: int = 0) -> dict[str, Milliseconds]:
    """The algorithmic latency of an encoder: the audio that it waits for.

    Parameters
    ----------
    subsampling
        Feature frames for one encoder frame.
    lookahead_frames
        Feature frames after its own that an encoder frame waits for; 0 for a causal encoder.

    Returns
    -------
    `frame_ms` from one encoder frame to the next, `window_ms`, `lookahead_ms`, and their sum in `algorithmic_ms`: the
    largest age of a window's oldest sample when the first encoder frame that covers the window is available.
    """
    frame, window, lookahead = (
        1e3 * part for part in (subsampling * FRAME_SHIFT, WINDOW, lookahead_frames * FRAME_SHIFT)
    )
    return {
        "frame_ms": round(frame, 3),
        "window_ms": round(window, 3),
        "lookahead_ms": round(lookahead, 3),
        "algorithmic_ms": round(frame - 1e3 * FRAME_SHIFT + window + lookahead, 3),
    }


def emission_delay(
    features: Sequence[NDArray[np.floating]],
    last_token_times: Sequence[Seconds | None],
    last_word_right: Sequence[bool],
) -> dict[str, Any]:
    """The delay from the end of speech to the emission of the last token.

    Only utterances whose hypothesis ends with the reference's last word count, since otherwise the last token may
    belong to an earlier sound.

    Parameters
    ----------
    features
        Log-mel features of each utterance, (T, F).
    last_token_times
        For each utterance the time at which the 10 ms begin that the encoder frame of its last token ends with; None
        without tokens. The window around them is complete, and the token can be said, 17.5 ms later.
    last_word_right
        Whether the hypothesis ends with the last word of the reference.

    Returns
    -------
    `mean_ms`, `median_ms` and `p95_ms` over utterances (None where none counts; negative where the last token comes
    before the end of its sound), `utterances` that counted and `utterances_of_split`.
    """
    delays = []
    for log_mel_TF, time, right in zip(features, last_token_times, last_word_right, strict=True):
        end = end_of_speech(log_mel_TF) if right and time is not None else None
        if end is not None and time is not None:
            delays.append(1e3 * (time + FRAME_HEARD - end))
    figures: dict[str, Any] = dict.fromkeys(("mean_ms", "median_ms", "p95_ms"))
    if delays:
        figures = {
            "mean_ms": round(float(np.mean(delays)), 3),
            "median_ms": round(float(np.median(delays)), 3),
            "p95_ms": round(float(np.percentile(delays, 95)), 3),
        }
    return {**figures, "utterances": len(delays), "utterances_of_split": len(last_token_times)}
