"""Recognising a recording as a stream."""

from collections.abc import Iterator
from pathlib import Path

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.audio import read_audio
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.recognizers import PartialHypothesis, Recognizer

Seconds = float

CHUNK = SAMPLING_RATE // 10
"""Samples of one chunk: 100 ms, as a telephone or a browser sends them (our choice)."""


def stream_file(
    recognizer: Recognizer, path: Path, *, decoding: DecodingParams
) -> Iterator[tuple[Seconds, PartialHypothesis]]:
    """The partial hypothesis after each chunk, and the seconds of audio so far; the last one is final.

    Chunks are processed as fast as they are recognised, not in real time.

    Raises
    ------
    CorpusError
        The recording cannot be read.
    ModelError
        The recogniser cannot stream.
    """
    samples_N = read_audio(path)
    stream = recognizer.stream(decoding=decoding)
    for at in range(0, len(samples_N), CHUNK):
        chunk_N = samples_N[at : at + CHUNK]
        yield (at + len(chunk_N)) / SAMPLING_RATE, stream.accept(chunk_N)
    yield len(samples_N) / SAMPLING_RATE, stream.finish()
