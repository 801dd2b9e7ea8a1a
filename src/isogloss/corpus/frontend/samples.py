"""The samples of an utterance as every model hears them: one channel at 16 kHz."""

import numpy as np
from lhotse.audio import audio_backend
from lhotse.cut import Cut
from numpy.typing import NDArray

SAMPLING_RATE = 16_000
Samples = NDArray[np.float32]
SPHERE = (".sph", ".wv1", ".wv2")
"""Files for which Lhotse would run sph2pipe; libsndfile reads them where they are not compressed."""


def load_mono(cut: Cut) -> Samples:
    """The samples of a cut at 16 kHz, between -1 and 1, the mean of its channels: (S,)."""
    resampled = cut.resample(SAMPLING_RATE)
    if any(str(source.source).lower().endswith(SPHERE) for source in cut.recording.sources):
        with audio_backend("LibsndfileBackend"):
            samples_CS = resampled.load_audio()
    else:
        samples_CS = resampled.load_audio()
    samples_S: Samples = samples_CS[0] if len(samples_CS) == 1 else samples_CS.mean(axis=0)
    return samples_S
