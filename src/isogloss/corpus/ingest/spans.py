"""The position of each utterance in its audio, in seconds, computed from the headers.

A table in seconds is often rounded to two decimals: an end that is at most `ROUNDING_S` late is set to the
file's end (our choice). Samples are exact, so there no overrun is forgiven.
"""

from dataclasses import dataclass

from isogloss.corpus.description import TableDescription
from isogloss.corpus.ingest.audio import AudioHeader
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.errors import CorpusError
from isogloss.io.source import Source

Seconds = float

ROUNDING_S: Seconds = 0.01
SHORTEST_S: Seconds = 0.01
"""Features have a frame every 10 ms; what is shorter may have none."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one recording."""

    start: Seconds
    duration: Seconds


def locate(utterance: Utterance, header: AudioHeader, *, description: TableDescription, table: Source) -> Span:
    """The span of an utterance in its audio.

    Raises
    ------
    CorpusError
        It reaches past the end of the audio, or starts there, or is too short for features.
    """
    rate = 1.0 if description.unit == "seconds" else utterance.sample_rate or float(header.sampling_rate)
    length = header.num_samples / header.sampling_rate
    start = (utterance.start or 0.0) / rate
    if start >= length:
        raise CorpusError(
            f"{table.place(utterance.row)}: the utterance starts at {start:.3f} s, but {utterance.audio} "
            f"lasts {length:.3f} s; correct start, its unit, or the file"
        )
    if utterance.duration is None:
        return _long_enough(Span(start, length - start), utterance, table)
    # One division, so that an end on the last sample compares equal to the length.
    end = ((utterance.start or 0.0) + utterance.duration) / rate
    if end > length + (ROUNDING_S if description.unit == "seconds" else 1e-9):
        raise CorpusError(
            f"{table.place(utterance.row)}: the utterance ends at {end:.3f} s, but {utterance.audio} lasts "
            f"{length:.3f} s; correct start and duration, their unit, or the file"
        )
    return _long_enough(Span(start, min(utterance.duration / rate, length - start)), utterance, table)


def _long_enough(span: Span, utterance: Utterance, table: Source) -> Span:
    """The span; raises `CorpusError` if it is too short for a frame of features."""
    if span.duration < SHORTEST_S:
        raise CorpusError(
            f"{table.place(utterance.row)}: the utterance lasts {1000 * span.duration:.3g} ms, but features take "
            f"{1000 * SHORTEST_S:g} ms; correct start and duration, or leave the row out"
        )
    return span
