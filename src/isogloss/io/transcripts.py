"""Transcripts in the text formats of scoring tools: Kaldi's `text` and `utt2spk`, and NIST's trn, STM and CTM.

- Kaldi (any other suffix): an utterance id, white space, and the rest of the line; an id alone is an empty text
- `.trn`: the text, then the utterance id in parentheses
- `.stm`: recording, channel, speaker, begin and end in seconds, perhaps a label `<...>`, and the text of a segment,
  whose id is recording, channel, begin and end; segments of IGNORE_TIME_SEGMENT_IN_SCORING are left out
- `.ctm`: recording, channel, begin and duration in seconds, and one word; the words are gathered into the segments of
  an STM file

Lines that begin with `;;` are comments in the three formats of NIST.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.source import read_utf8

IGNORED = "IGNORE_TIME_SEGMENT_IN_SCORING"
_TRN = re.compile(r"(?P<text>.*)\((?P<id>[^()\s]+)\)")
_LABEL = re.compile(r"<[^<>\s]*>")


@dataclass(frozen=True)
class Segments:
    """Where the segments of an STM file lie, the ignored ones included."""

    ids: list[str] = field(default_factory=list)
    """The utterance id of each segment; empty for one that is ignored."""
    recordings: list[tuple[str, str]] = field(default_factory=list)
    """Recording and channel of each segment."""
    times: list[tuple[float, float]] = field(default_factory=list)
    """Begin and end of each segment, in seconds."""


@dataclass(frozen=True)
class Transcripts:
    """The transcripts of a file, in its order."""

    texts: pd.Series
    """The text of each utterance by its id; empty if nothing was said."""
    speakers: pd.Series | None = None
    """The speaker of each utterance, in the same order; None if the file names none."""
    segments: Segments | None = None
    """The segments of an STM file; None for other formats."""


def read_transcripts(path: Path, reference: Transcripts | None = None) -> Transcripts:
    """The transcripts of a file in the format of its suffix; `reference` holds the segments for a CTM file.

    Raises
    ------
    TableError
        The file is missing, empty or not UTF-8, a line is malformed or an id occurs twice (with the line), or there is
        no STM file with the segments of a CTM file.
    """
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if suffix == ".ctm":
        if reference is None or reference.segments is None:
            raise TableError(f"{path}: the words of a CTM file belong to segments; give references as an STM file")
        return _from_ctm(path, reference)
    if suffix == ".stm":
        return _from_stm(path)
    found: dict[str, str] = {}
    for number, line in _lines(path, comments=suffix == ".trn"):
        where = f"{path}, line {number}"
        utterance, text = _trn_line(line, where) if suffix == ".trn" else _kaldi_line(line)
        if utterance in found:
            raise TableError(f"{where}: utterance {utterance!r} occurs twice; keep one line of it")
        found[utterance] = text
    if not found:
        raise TableError(f"{path} is empty; give one line an utterance: its id, then the text")
    return Transcripts(pd.Series(found, dtype="str"))


def _lines(path: Path, *, comments: bool) -> Iterator[tuple[int, str]]:
    """The numbers and texts of the lines that are neither blank nor comments."""
    for number, line in enumerate(read_utf8(path).decode().split("\n"), start=1):
        if line.strip() and not (comments and line.lstrip().startswith(";;")):
            yield number, line


def _kaldi_line(line: str) -> tuple[str, str]:
    """Id and text."""
    parts = line.split(maxsplit=1)
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def _trn_line(line: str, where: str) -> tuple[str, str]:
    """Id and text."""
    matched = _TRN.fullmatch(line.strip())
    if matched is None:
        raise TableError(f"{where} does not end in an utterance id in parentheses, as in: good night (s01-007)")
    text = matched["text"].strip()
    _refuse_alternatives(text, where)
    return matched["id"], text


def _refuse_alternatives(text: str, where: str) -> None:
    """Refuse alternatives in NIST's formats, of which a scoring tool takes the best, since they are not plain text."""
    if re.search(r"(?<!\S)[{}](?!\S)|<ALT", text):
        raise TableError(f"{where} holds alternatives ({{ a / b }}); write the one that was said")


def _from_stm(path: Path) -> Transcripts:
    """The segments of an STM file."""
    segments = Segments()
    texts: dict[str, str] = {}
    speakers: list[str] = []
    for number, line in _lines(path, comments=True):
        where = f"{path}, line {number}"
        parts = line.split(maxsplit=5)
        if len(parts) < 5:
            raise TableError(f"{where} has {len(parts)} fields; give recording, channel, speaker, begin, end and text")
        recording, channel, speaker, begin, end = parts[:5]
        text = parts[5].strip() if len(parts) > 5 else ""
        label = _LABEL.match(text)
        text = text[label.end() :].strip() if label else text
        times = (_seconds(begin, f"{where}: begin"), _seconds(end, f"{where}: end"))
        if times[1] <= times[0]:
            raise TableError(f"{where}: the segment ends at {end} s, but begins at {begin} s; correct its times")
        ignored = text == IGNORED
        utterance = f"{recording}_{channel}_{begin}_{end}"
        segments.ids.append("" if ignored else utterance)
        segments.recordings.append((recording, channel))
        segments.times.append(times)
        if ignored:
            continue
        if utterance in texts:
            raise TableError(f"{where}: segment {utterance!r} occurs twice; keep one line of it")
        _refuse_alternatives(text, where)
        texts[utterance] = text
        speakers.append(speaker)
    if not texts:
        raise TableError(f"{path} holds no segment to be judged; give one line a segment")
    return Transcripts(pd.Series(texts, dtype="str"), pd.Series(speakers, dtype="str"), segments)


def _from_ctm(path: Path, reference: Transcripts) -> Transcripts:
    """The words of a CTM file, each in the segment that holds its middle, else in the nearest one (our choice).

    Words in ignored segments are left out, as NIST's tools do. A recording without a segment is refused.
    """
    segments = reference.segments or Segments()
    by_recording: dict[tuple[str, str], list[int]] = {}
    for index, recording in enumerate(segments.recordings):
        by_recording.setdefault(recording, []).append(index)
    limits = {recording: np.array([segments.times[i] for i in rows]) for recording, rows in by_recording.items()}
    words: dict[str, list[tuple[float, int, str]]] = {}
    for number, line in _lines(path, comments=True):
        where = f"{path}, line {number}"
        parts = line.split()
        if len(parts) < 5:
            raise TableError(f"{where} has {len(parts)} fields; give recording, channel, begin, duration and word")
        recording, begin = (parts[0], parts[1]), _seconds(parts[2], f"{where}: begin")
        _refuse_alternatives(parts[4], where)
        if recording not in limits:
            raise TableError(f"{where}: recording {parts[0]!r}, channel {parts[1]!r}, has no segment in the STM file")
        middle = begin + _seconds(parts[3], f"{where}: duration") / 2
        begins, ends = limits[recording].T
        distance = np.maximum(np.maximum(begins - middle, middle - ends), 0.0)
        segment = segments.ids[by_recording[recording][int(distance.argmin())]]
        if segment:
            words.setdefault(segment, []).append((begin, number, parts[4]))
    texts = {
        utterance: " ".join(word for _, _, word in sorted(words.get(utterance, [])))
        for utterance in reference.texts.index
    }
    return Transcripts(pd.Series(texts, dtype="str"))


def _seconds(text: str, where: str) -> float:
    """Read a time that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise TableError(f"{where} is {text!r}; give seconds, not negative")
    return value
