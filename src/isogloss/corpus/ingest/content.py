"""Measures of the audio of each utterance: every sample is decoded once, by a pool of threads, in blocks.

What cannot be used is an error: NaN or infinite samples, silence, a file that ends before its header says. What can
be used but should be looked at is counted, with the first place: clipping and a constant offset.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from isogloss.corpus.frontend.sound import CLIPPED_SHARE, DC_OFFSET, SILENT_PEAK, SoundMeasures
from isogloss.corpus.ingest.audio import MAX_THREADS, AudioHeader, cut_off_error, decoding_error
from isogloss.corpus.ingest.spans import Span
from isogloss.errors import CorpusError

BLOCK_SAMPLES = 1 << 18
"""Number of samples that are decoded at once, so that memory does not grow with the length of a file."""
Channel = int | str
"""The number of a channel, or `mix`."""
Heard = SoundMeasures | CorpusError
"""The measures of an utterance, or the reason why it cannot be used."""


@dataclass(frozen=True)
class Stretch:
    """The position of one utterance in a file."""

    place: str
    span: Span
    channel: Channel


def listen_to(
    root: Path, stretches: dict[str, list[Stretch]], headers: dict[str, AudioHeader]
) -> Iterator[list[Heard]]:
    """The measures of each utterance, or its error: one list per file, in the order of `stretches`.

    Parameters
    ----------
    root
        The folder that paths are relative to.
    stretches
        The utterances of each file, by its path.
    headers
        The header of each file.
    """
    threads = min(MAX_THREADS, 2 * (os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda item: _heard_in(root / item[0], item[1], headers[item[0]]), stretches.items())


def warnings(heard: Sequence[tuple[str, SoundMeasures]]) -> list[str]:
    """A sentence about each kind of flaw that utterances have, from their places and measures."""
    sentences = []
    clipped = [place for place, measures in heard if measures.clipped_share > CLIPPED_SHARE]
    if clipped:
        sentences.append(
            f"{len(clipped)} utterances are clipped (more than {CLIPPED_SHARE:.0%} of their samples are at full "
            f"scale), the first in {clipped[0]}"
        )
    shifted = [place for place, measures in heard if abs(measures.dc_offset) > DC_OFFSET]
    if shifted:
        sentences.append(
            f"{len(shifted)} utterances have a constant offset (their mean sample is beyond {DC_OFFSET:g} of full "
            f"scale), the first in {shifted[0]}"
        )
    return sentences


def _heard_in(path: Path, stretches: list[Stretch], header: AudioHeader) -> list[Heard]:
    """The measures of the utterances of one file."""
    try:
        with soundfile.SoundFile(path) as file:
            return [_measured(file, path, stretch, header) for stretch in stretches]
    except (soundfile.SoundFileError, OSError) as error:
        return [decoding_error(path, stretch.place, error) for stretch in stretches]


def _measured(file: soundfile.SoundFile, path: Path, stretch: Stretch, header: AudioHeader) -> Heard:
    """The measures of one utterance."""
    begin = round(stretch.span.start * header.sampling_rate)
    wanted = max(1, min(round(stretch.span.duration * header.sampling_rate), header.num_samples - begin))
    measures = SoundMeasures()
    try:
        if file.tell() != begin:
            file.seek(begin)
        while measures.samples < wanted:
            block_SC = file.read(min(BLOCK_SAMPLES, wanted - measures.samples), dtype="float32", always_2d=True)
            if not len(block_SC):
                return cut_off_error(path, stretch.place)
            measures.add(_one_channel(block_SC, stretch.channel))
    except soundfile.SoundFileError as error:
        return decoding_error(path, stretch.place, error)
    where = f"{stretch.place}: the utterance in {path}, {stretch.span.start:.3f} to "
    where += f"{stretch.span.start + stretch.span.duration:.3f} s,"
    if measures.non_finite:
        return CorpusError(
            f"{where} holds {measures.non_finite} samples that are NaN or infinite; export the file again, or leave "
            "the row out"
        )
    if measures.peak < SILENT_PEAK:
        return CorpusError(f"{where} is silent: no sample is above -60 dB of full scale; leave the row out")
    return measures


def _one_channel(block_SC: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """The channel that is read, or the mean of all."""
    if isinstance(channel, int):
        return block_SC[:, channel]
    with np.errstate(invalid="ignore"):
        mean_S: NDArray[np.float32] = block_SC.mean(axis=1)
    return mean_S
