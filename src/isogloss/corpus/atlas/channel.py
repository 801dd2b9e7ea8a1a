"""The recording channel: an ageing voice's tremor, resampling to 16 kHz, room noise, and a cheap microphone."""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, firwin, lfilter, resample_poly, sosfilt

from isogloss.corpus.atlas.jobs import ChannelDraw

FloatArray = NDArray[np.float32]

SAMPLE_RATE = 16000
UP, DOWN = 320, 441
"""16000 / 22050: blocks of 441 samples at 22.05 kHz are blocks of 320 at 16 kHz."""


@functools.cache
def _anti_alias() -> FloatArray:
    """Low-pass of the polyphase filter: 6 dB down at 7.2 kHz, 60 dB from 8.5 kHz on."""
    return firwin(24 * DOWN + 1, 0.9 / DOWN, window=("kaiser", 6.0)).astype(np.float32)


def resample(samples: FloatArray) -> FloatArray:
    """22.05 kHz to 16 kHz; a multiple of 441 samples becomes the same multiple of 320."""
    return resample_poly(samples, UP, DOWN, window=_anti_alias())


def tremble(speech: FloatArray, *, depth: float, hertz: float, rng: np.random.Generator) -> FloatArray:
    """Speech at 16 kHz with a voice's slow amplitude modulation; `depth` 0 leaves it as it is."""
    if depth == 0:
        return speech
    phase = 2 * np.pi * rng.random() + 2 * np.pi * hertz / SAMPLE_RATE * np.arange(len(speech))
    return speech * (1 + depth * np.sin(phase)).astype(np.float32)


def transmit(speech: FloatArray, draw: ChannelDraw) -> NDArray[np.int16]:
    """Speech at 16 kHz as a device records it.

    Parameters
    ----------
    speech
        Samples of any level; silence counts in it, so levels are taken over samples that are not 0.
    draw
        Level, signal-to-noise ratio, colour of the noise and pass band of this recording.
    """
    rng = np.random.default_rng(draw.seed)
    energy = np.sum(np.square(speech), dtype=np.float64)
    loudness = float(np.sqrt(energy / np.count_nonzero(speech)))
    # The ratio is set in the room, before the device. Work in place from here on: new memory pages cost more time.
    mixture = _coloured_noise(len(speech), pole=draw.noise_pole, rng=rng)
    mixture *= np.float32(loudness * 10 ** (-draw.snr_db / 20))
    mixture += speech
    mixture *= np.float32(32768 * 10 ** (draw.level_db / 20) / loudness)
    recorded = sosfilt(_device(draw.low_cut_hz, draw.high_cut_hz), mixture)
    np.rint(recorded, out=recorded)
    return np.clip(recorded, -32768, 32767, out=recorded).astype(np.int16)


def _coloured_noise(count: int, *, pole: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise of variance 1 with a one-pole spectrum: 0 is white, towards 1 brown."""
    white = rng.standard_normal(count, dtype=np.float32)
    gain = np.float32(np.sqrt(1 - pole**2))
    return lfilter(np.array([gain], np.float32), np.array([1, -pole], np.float32), white)


def _device(low_cut_hz: float, high_cut_hz: float) -> FloatArray:
    """Sections of a microphone's pass band: first-order high-pass, second-order low-pass (Butterworth)."""
    high_pass = butter(1, low_cut_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    low_pass = butter(2, high_cut_hz, "lowpass", fs=SAMPLE_RATE, output="sos")
    return np.concatenate([high_pass, low_pass]).astype(np.float32)
