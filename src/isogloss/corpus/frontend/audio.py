"""The samples of a prepared cut, for models that hear audio: one channel at the rate of the features."""

import numpy as np
from lhotse.cut import Cut
from numpy.typing import NDArray

from isogloss.corpus.frontend.features import SAMPLING_RATE
from isogloss.errors import CorpusError


def load_audio(cut: Cut) -> NDArray[np.float32]:
    """The samples of a cut at 16 kHz, between -1 and 1: (S,).

    Raises
    ------
    CorpusError
        The cut has no recording.
    """
    if not cut.has_recording:
        raise CorpusError(f"the cut {cut.id!r} has features alone, and this model hears audio; run the stage prepare")
    samples: NDArray[np.float32] = cut.resample(SAMPLING_RATE).load_audio()[0]
    return samples
