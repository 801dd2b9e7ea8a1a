"""Samples for models that hear audio: one channel at the rate of the features, of prepared cuts and of single files."""

from pathlib import Path

import numpy as np
import soundfile
from lhotse import Recording
from lhotse.audio import AudioLoadingError, DurationMismatchError
from lhotse.cut import Cut

from isogloss.corpus.frontend.samples import SAMPLING_RATE, Samples, load_mono
from isogloss.errors import CorpusError


def load_audio(cut: Cut) -> Samples:
    """The samples of a cut at 16 kHz, between -1 and 1: (S,).

    Raises
    ------
    CorpusError
        The cut has no recording.
    """
    if not cut.has_recording:
        raise CorpusError(f"the cut {cut.id!r} has features alone, and this model hears audio; run the stage prepare")
    return load_mono(cut)


def read_audio(path: Path, *, start_s: float = 0.0, duration_s: float | None = None) -> Samples:
    """The samples of an audio file of any format that libsndfile reads, as `load_audio` gives those of a cut.

    From `start_s`, for `duration_s` (to the end where None). Several channels are averaged.

    Raises
    ------
    CorpusError
        The file does not exist, cannot be decoded, holds no sample, or ends before the length in its header.
    """
    if not path.is_file():
        raise CorpusError(f"there is no audio file {path}; correct the path")
    try:
        frames = soundfile.info(path).frames
        channels_CS = np.empty((1, 0))
        if frames > 0:
            recording = Recording.from_file(path).resample(SAMPLING_RATE)
            channels_CS = recording.load_audio(offset=start_s, duration=duration_s)
    except (soundfile.SoundFileError, OSError, AudioLoadingError, DurationMismatchError) as error:
        reason = str(error).splitlines()[0].removeprefix(f"Error opening {str(path)!r}: ").rstrip(".")
        raise CorpusError(f"{path} cannot be decoded ({reason}); convert it to WAV or FLAC") from None
    if channels_CS.shape[1] == 0:
        raise CorpusError(f"{path} holds no samples; record it again")
    samples_S: Samples = channels_CS.mean(axis=0)
    return samples_S
