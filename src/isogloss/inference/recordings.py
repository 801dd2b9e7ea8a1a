"""A table of recordings with one row per utterance, and the samples of each row.

Unlike a corpus, such a table needs neither transcripts nor speakers; its other columns are kept as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from isogloss.corpus.frontend.audio import read_audio
from isogloss.corpus.frontend.samples import Samples
from isogloss.corpus.ingest.audio import AudioHeader, read_headers
from isogloss.errors import CorpusError, TableError
from isogloss.io.cells import number_column, text_column
from isogloss.io.roles import hint
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table

ROUNDING_S = 0.01
"""Seconds by which an utterance may end after the end of its file, since tables round times."""


@dataclass(frozen=True)
class AudioColumns:
    """The columns of the table that locate an utterance.

    `audio` is a path relative to `root`. Without `start` an utterance begins with its file; without `duration` (or with
    an empty cell) it lasts to the file's end. Both are in `unit`; samples are counted at the file's sampling rate.
    """

    audio: str = "audio"
    start: str | None = None
    duration: str | None = None
    unit: Literal["seconds", "samples"] = "seconds"


@dataclass(frozen=True)
class Recording:
    """One row: its cells by column, its place for messages, its file, and its start and duration in seconds."""

    cells: dict[str, Any]
    place: str
    path: Path
    start_s: float
    duration_s: float

    def samples(self) -> Samples:
        """The samples at 16 kHz, channels averaged.

        Raises
        ------
        CorpusError
            The file cannot be decoded; the sentence names the row.
        """
        try:
            return read_audio(self.path, start_s=self.start_s, duration_s=self.duration_s)
        except CorpusError as error:
            raise CorpusError(f"{self.place}: {error}") from None


def read_recordings(path: Path, columns: AudioColumns, *, root: Path | None = None) -> list[Recording]:
    """The rows of a table, checked together with the headers of all files.

    Parameters
    ----------
    path
        CSV, TSV, JSON, JSONL, parquet or xlsx.
    root
        The folder that paths of audio are relative to; by default the table's.

    Raises
    ------
    TableError, CorpusError
        A column is missing, a cell is no number or out of range, a file is missing or cannot be decoded: for the first
        such row, by its place in the table.
    """
    table = read_table(path)
    for name in (columns.audio, columns.start, columns.duration):
        if name is not None and name not in table.names:
            raise TableError(f"{path}: column {name!r} is missing; {hint(name, list(table.names))}")
    files = text_column(table, columns.audio)
    if files.isna().any():
        raise TableError(f"{table.place(int(files.isna().argmax()))}: {columns.audio} is empty; give a path")
    folder = path.parent if root is None else root
    headers = _headers(folder, {file: table.place(row) for row, file in reversed(list(enumerate(files)))})
    starts, durations = (_numbers(table, name) for name in (columns.start, columns.duration))
    values = {name: table.values(name) for name in table.names}
    return [
        Recording(
            cells={name: values[name][row] for name in table.names},
            place=table.place(row),
            path=folder / file,
            **_span(headers[file], starts.iloc[row], durations.iloc[row], columns, table.place(row)),
        )
        for row, file in enumerate(files)
    ]


def _headers(folder: Path, mentions: dict[str, str]) -> dict[str, AudioHeader]:
    """The audio header of each file; raises for the first row of the table whose file cannot be used."""
    found = read_headers(folder, mentions)
    for header in reversed(found.values()):  # Rows are listed from last to first, so that the first one is kept.
        if isinstance(header, CorpusError):
            raise header
    return {file: header for file, header in found.items() if isinstance(header, AudioHeader)}


def _numbers(table: Source, name: str | None) -> pd.Series:
    """A column of numbers; NaN everywhere where there is none."""
    return pd.Series(np.nan, index=range(table.rows)) if name is None else number_column(table, name)


def _span(header: AudioHeader, start: float, duration: float, columns: AudioColumns, place: str) -> dict[str, float]:
    """Start and duration in seconds, within the file."""
    rate = 1.0 if columns.unit == "seconds" else float(header.sampling_rate)
    length_s = header.num_samples / header.sampling_rate
    start_s = 0.0 if np.isnan(start) else float(start) / rate
    duration_s = length_s - start_s if np.isnan(duration) else float(duration) / rate
    if not 0.0 <= start_s < length_s or duration_s <= 0.0 or start_s + duration_s > length_s + ROUNDING_S:
        raise CorpusError(
            f"{place}: the utterance lasts from {start_s:.3f} to {start_s + duration_s:.3f} s, but its file from 0 to "
            f"{length_s:.3f} s; correct start and duration, their unit, or the file"
        )
    return {"start_s": start_s, "duration_s": min(duration_s, length_s - start_s)}
