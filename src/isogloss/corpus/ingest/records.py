"""A table of utterances that is gathered from several files, each row with the line that it comes from.

Where a recipe read the files, the line is not known: such a row is found by the id of its utterance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.source import Source, read_utf8

STANDARD_COLUMNS = ("utterance_id", "speaker_id", "audio", "text", "start", "duration", "channel", "part")


@dataclass(frozen=True)
class ManyFiles(Source):
    """A table whose rows come from several files."""

    places: list[tuple[Path, int | str]] = field(default_factory=list)
    """File and line of each row, or folder and id."""

    def position(self, row: int) -> str:
        """The place of a row with its file, since the rows of the table come from several files."""
        return self.place(row)

    def place(self, row: int) -> str:
        """File and line, or folder and id."""
        return placed(*self.places[row])


def placed(path: Path, line: int | str) -> str:
    """A place in words."""
    return f"{path}, line {line}" if isinstance(line, int) else f"{path}, utterance {line}"


class Records:
    """Rows that are added one by one; every row has every column, with None for missing values."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: list[dict[str, Any]] = []
        self._places: list[tuple[Path, int | str]] = []

    def add(self, path: Path, line: int | str, record: dict[str, Any]) -> None:
        """Add one utterance and its place: the line of a file, or its id if the line is not known."""
        self._records.append(record)
        self._places.append((path, line))

    def table(self) -> Source:
        """The table of the added rows.

        Raises
        ------
        TableError
            There are no rows.
        """
        if not self._records:
            raise TableError(f"{self._path} holds no utterance; check that it is the folder of the corpus")
        records = self._records
        names = list(dict.fromkeys([*STANDARD_COLUMNS, *(key for record in records for key in record)]))
        return ManyFiles(
            path=self._path,
            names=names,
            rows=len(records),
            column=lambda name: pd.Series([record.get(name) for record in records], dtype=object),
            values=lambda name: [record.get(name) for record in records],
            unit="line",
            numbers=lambda: np.array([line if isinstance(line, int) else 0 for _, line in self._places], np.int64),
            places=self._places,
        )


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file (`.gz` is decompressed) that are not blank, with numbers from 1.

    Raises
    ------
    TableError
        The file is missing, cannot be read or is not UTF-8.
    """
    for number, line in enumerate(read_utf8(path).decode().split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def decimal(text: str, where: str) -> float:
    """A number in a text file; raises `TableError` if the text is not a number."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise TableError(f"{where} is {text!r}, not a number; correct it")
    return value
