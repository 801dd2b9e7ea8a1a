"""Sampling rate, length and channels of a corpus' audio files, from their headers.

Each file is opened once, by a pool of threads (libsndfile works outside the interpreter lock). A file that has been
cut off is found: libsndfile says where a chunk is shorter than its header promises, headers of SPHERE count samples,
the frames of MP3 are counted (`mpeg`), and of other forms the last sample is decoded. Any sampling rate is accepted:
features are computed at 16 kHz after resampling.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import soundfile

from isogloss.corpus.ingest.mpeg import mp3_length
from isogloss.errors import CorpusError

MAX_THREADS = 16
_SHORTER_CHUNK = re.compile(r"^\s*(?:data|SSND|riff) : (?P<promised>\d+) \(should be (?P<found>\d+)\)", re.MULTILINE)
"""How libsndfile reports that a file ends earlier than its header says: WAV, AIFF and W64."""
_SPHERE_SAMPLES = re.compile(rb"^sample_count -i (\d+)\s*$", re.MULTILINE)
_UNKNOWN_LENGTH = 0x7FFFFF00
"""Programs that write WAV into a pipe put numbers at least this large into the length field."""


@dataclass(frozen=True)
class AudioHeader:
    """Length and form of an audio file."""

    sampling_rate: int
    """Sampling rate in Hz."""
    num_samples: int
    """Number of samples of one channel."""
    channels: int


Readable = AudioHeader | CorpusError
"""The header of a file, or the reason why the file cannot be used."""


def read_headers(root: Path, mentions: dict[str, str]) -> dict[str, Readable]:
    """The headers of audio files, and the errors of those that cannot be used.

    Parameters
    ----------
    root
        The folder that paths are relative to.
    mentions
        Path of each file relative to `root`, and the place that first mentions it, for messages.

    Returns
    -------
    In the order of `mentions`; a `CorpusError` for a file that is missing, cannot be decoded, holds no sample, or ends
    before the length in its header.
    """
    threads = min(MAX_THREADS, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        headers = pool.map(lambda item: _header_or_error(root / item[0], item[1]), mentions.items())
        return dict(zip(mentions, headers, strict=True))


def decoding_error(path: Path, where: str, error: Exception) -> CorpusError:
    """The sentence about a file that cannot be decoded."""
    reason = str(error).removeprefix(f"Error opening {str(path)!r}: ").rstrip(".")
    return CorpusError(f"{where}: audio file {path} cannot be decoded: {reason}; convert it to FLAC or WAV")


def cut_off_error(path: Path, where: str) -> CorpusError:
    """The sentence about a file that holds less than it promises."""
    return CorpusError(f"{where}: audio file {path} ends before the length in its header; copy it again")


def _header_or_error(path: Path, where: str) -> Readable:
    """The header of one file, or its error."""
    try:
        return _read_header(path, where)
    except CorpusError as error:
        return error


def _read_header(path: Path, where: str) -> AudioHeader:
    """Open one file and decode its last sample."""
    try:
        if not path.is_file():
            raise CorpusError(
                f"{where}: audio file {path} does not exist; correct the path or root, or leave the row out"
            )
        with soundfile.SoundFile(path) as file:
            header = AudioHeader(file.samplerate, file.frames, file.channels)
            promised = _promises_more(path, file)
            fault, decoded = None, 0
            if file.format == "MP3":
                decoded, fault = mp3_length(path, header.num_samples)
                header = AudioHeader(file.samplerate, decoded, file.channels)
            elif header.num_samples > 0 and not promised:
                file.seek(header.num_samples - 1)
                decoded = len(file.read(1))
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        raise decoding_error(path, where, error) from None
    if header.num_samples <= 0:
        raise CorpusError(f"{where}: audio file {path} holds no samples; leave the row out")
    if fault is not None:
        raise CorpusError(f"{where}: audio file {path} {fault}")
    if promised or not decoded:
        raise cut_off_error(path, where)
    return header


def _promises_more(path: Path, file: soundfile.SoundFile) -> bool:
    """Whether the header of an open file promises more audio than the file holds."""
    if file.format == "NIST":
        with path.open("rb") as start:
            counted = _SPHERE_SAMPLES.search(start.read(4096))
        return counted is not None and int(counted[1][:18]) > file.frames
    shorter = _SHORTER_CHUNK.search(file.extra_info)
    return shorter is not None and int(shorter["found"]) < int(shorter["promised"]) < _UNKNOWN_LENGTH
