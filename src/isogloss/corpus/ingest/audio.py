"""Sampling rate, length and channels of a corpus' audio files, from their headers.

Each file is opened once, by a pool of threads (libsndfile works outside the interpreter lock). Its last
sample is decoded too, since the header of a cut-off file still tells the full length. Any sampling rate is
accepted: features are computed at 16 kHz after resampling.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile

from isogloss.errors import CorpusError

MAX_THREADS = 16


@dataclass(frozen=True)
class AudioHeader:
    """Length and form of an audio file."""

    sampling_rate: int
    """Hz."""
    num_samples: int
    """Samples of one channel."""
    channels: int


def read_headers(root: Path, mentions: dict[str, str]) -> dict[str, AudioHeader]:
    """The headers of audio files.

    Parameters
    ----------
    root
        The corpus' folder.
    mentions
        Path of each file relative to `root`, and the place that first mentions it, for messages.

    Raises
    ------
    CorpusError
        For the first file, in the order of `mentions`, that is missing, cannot be decoded or holds no sample.
    """
    threads = min(MAX_THREADS, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        try:
            headers = pool.map(lambda item: _read_header(root / item[0], item[1]), mentions.items())
            return dict(zip(mentions, headers, strict=True))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read_header(path: Path, where: str) -> AudioHeader:
    """Open one file and decode its last sample."""
    if not path.is_file():
        raise CorpusError(f"{where}: audio file {path} does not exist; correct the path or root, or leave the row out")
    try:
        with soundfile.SoundFile(path) as file:
            header = AudioHeader(file.samplerate, file.frames, file.channels)
            if header.num_samples > 0:
                file.seek(header.num_samples - 1)
                decoded = len(file.read(1))
    except (soundfile.SoundFileError, OSError) as error:
        reason = str(error).removeprefix(f"Error opening {str(path)!r}: ").rstrip(".")
        raise CorpusError(f"{where}: audio file {path} cannot be decoded: {reason}") from None
    if header.num_samples <= 0:
        raise CorpusError(f"{where}: audio file {path} holds no samples; leave the row out")
    if not decoded:
        raise CorpusError(f"{where}: audio file {path} ends before the length in its header; copy it again")
    return header
