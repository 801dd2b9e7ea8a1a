"""A check of whether an MP3 file is complete, from its frame headers and without decoding.

An MP3 file is a row of frames (ISO/IEC 11172-3), each with its own header, and has no length of its own. Encoders write
how many frames and bytes there are into the first one (the tags `Xing`, `Info` and `VBRI`); where the bytes are there,
only the beginning of the file is read. Otherwise the headers are walked from frame to frame, which takes a tenth of the
time of decoding. libsndfile guesses the length of a file without a tag from its first frame: with a variable bit rate
it then stops early or promises too much, and nobody is told.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III in kbit/s by version: MPEG 1, and MPEG 2 and 2.5."""
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Sampling rates in Hz by the two version bits of a frame's header."""
_LAYER_3 = 1
_MOST_TAGS = 8
_MOST_PADDING = 1 << 16
"""Largest number of bytes of ID3 tags and zeros before the first frame."""


@dataclass(frozen=True)
class _Frame:
    """The fields of a frame's header."""

    size: int
    """Size of the frame in bytes, including the header."""
    samples: int
    """Number of samples of one channel."""
    form: tuple[int, int]
    """Version and sampling rate, which are the same in all frames of a file."""
    tag_at: int
    """Position in the frame at which a tag would begin: after the side information."""


def mp3_length(path: Path, num_samples: int) -> tuple[int, str | None]:
    """The number of samples of an MP3 file, and an error if its length is wrong.

    Parameters
    ----------
    path
        A file that the decoder can open.
    num_samples
        How many samples of one channel the decoder promises.

    Returns
    -------
    The number that can be read, which for a file without a tag may be a little below the promise; and words that follow
    the file's name, or None where nothing is known to be wrong.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = _start(content)
        first = _frame(content, start)
        if first is None:
            return num_samples, None
        frames, size = _tag(content[start : start + first.size], first)
        if frames is not None and size is not None and size <= len(content) - start:
            return num_samples, None
        found, partial = _walk(content, start, first)
    if frames is not None:
        # The tag's own frame is not counted in it.
        cut_off = found - 1 < frames and (partial or found < frames)
        return num_samples, "ends before the length in its header; copy it again" if cut_off else None
    holds = found * first.samples
    if partial:
        return holds, "ends in the middle of a frame; copy it again, or convert it to FLAC or WAV"
    if abs(holds - num_samples) > 2 * first.samples:
        return num_samples, (
            f"has no length in its header and a variable bit rate, so that {num_samples} samples are read of {holds}; "
            "convert it to FLAC or WAV"
        )
    return min(holds, num_samples), None


def _start(content: mmap.mmap) -> int:
    """The position of the first frame, after the ID3 tags of version 2."""
    start = 0
    for _ in range(_MOST_TAGS):
        if content[start : start + 3] != b"ID3" or len(content) < start + 10:
            break
        size = 0
        for byte in content[start + 6 : start + 10]:
            size = size << 7 | byte & 0x7F
        start += 10 + size + (10 if content[start + 5] & 0x10 else 0)
    padding = content[start : start + _MOST_PADDING]
    return start + len(padding) - len(padding.lstrip(b"\0"))


def _frame(content: mmap.mmap, at: int) -> _Frame | None:
    """The frame of layer III whose header is at a position; None where there is none, or one of a free bit rate."""
    header = content[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    kbits, rate = header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES or layer != _LAYER_3 or kbits in (0, 15) or rate == 3:
        return None
    one, hertz = version == 3, _RATES[version][rate]
    bits_per_s = 1000 * _KBITS[1 if one else 2][kbits]
    size = (144 if one else 72) * bits_per_s // hertz + (header[2] >> 1 & 1)
    mono = header[3] >> 6 == 3
    side = (17 if mono else 32) if one else (9 if mono else 17)
    return _Frame(size, 1152 if one else 576, (version, hertz), 4 + side)


def _tag(frame: bytes, first: _Frame) -> tuple[int | None, int | None]:
    """The numbers of frames and bytes that the first frame states; None if it does not state them."""
    tag = frame[first.tag_at :]
    if tag[:4] in (b"Xing", b"Info") and len(tag) >= 16:
        flags, frames, size = struct.unpack(">4xLLL", tag[:16])
        if flags & 1:
            return frames, size if flags & 2 else None
    tag = frame[36:]
    if tag[:4] == b"VBRI" and len(tag) >= 18:
        size, frames = struct.unpack(">10xLL", tag[:18])
        return frames, size
    return None, None


def _walk(content: mmap.mmap, start: int, first: _Frame) -> tuple[int, bool]:
    """The number of complete frames, and whether the file ends within another frame."""
    at, found = start, 0
    while (frame := _frame(content, at)) is not None and frame.form == first.form:
        if at + frame.size > len(content):
            return found, True
        at, found = at + frame.size, found + 1
    # Fewer bytes than a header that begin like a header are the beginning of a frame too.
    return found, 0 < len(content) - at < 4 and content[at] == 0xFF
