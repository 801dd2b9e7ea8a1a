"""The recording of a conversation: one level, one noise, one microphone for all who take part.

C output channels, N samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from isogloss.config.multitalker import ConversationParams

Decibels = float
Hertz = float

LEVEL = 0.05
"""Root mean square of speech before the channel: 26 dB below full scale, as in telephony (our choice)."""
MOST_POLE = 0.95
LOW_PASS: tuple[Hertz, Hertz] = (3400.0, 7600.0)


@dataclass(frozen=True)
class Channel:
    """The noise and the microphone of a recording.

    Attributes
    ----------
    snr_db
        Level of speech, `LEVEL`, over that of the noise.
    noise_pole
        Colour of the noise: 0 is white, towards 1 brown.
    low_pass_hz
        Where the microphone's second-order low-pass is 3 dB down.
    seed
        Seed of the noise.
    """

    snr_db: Decibels
    noise_pole: float
    low_pass_hz: Hertz
    seed: int


def draw_channel(rng: np.random.Generator, params: ConversationParams) -> Channel:
    """A channel; all its figures are uniform in their ranges."""
    return Channel(
        snr_db=rng.uniform(params.least_snr_db, params.most_snr_db),
        noise_pole=rng.uniform(0.0, MOST_POLE),
        low_pass_hz=rng.uniform(*LOW_PASS),
        seed=int(rng.integers(2**31)),
    )


def record(
    sources_CN: NDArray[np.float32], channel: Channel, *, sampling_rate: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mixture as it is recorded, (N,), and its parts without the noise, (C, N)."""
    rng = np.random.default_rng(channel.seed)
    white_N = rng.standard_normal(sources_CN.shape[1], dtype=np.float32)
    gain = np.sqrt(1 - channel.noise_pole**2) * LEVEL * 10 ** (-channel.snr_db / 20)
    noise_N = lfilter([gain], [1, -channel.noise_pole], white_N)
    low_pass = butter(2, channel.low_pass_hz, "lowpass", fs=sampling_rate, output="sos")
    parts_CN = sosfilt(low_pass, sources_CN, axis=1)
    mixture_N = parts_CN.sum(axis=0) + sosfilt(low_pass, noise_N)
    return np.clip(mixture_N, -1.0, 1.0).astype(np.float32), parts_CN.astype(np.float32)
