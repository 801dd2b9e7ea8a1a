"""Attributes of an utterance or its speaker: columns of the table or of a second one."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.cells import number_column, text_column
from isogloss.io.roles import Roles, hint, known_by_another_name
from isogloss.io.source import Source


class Attributes:
    """Columns of the table of utterances, and those of a second table that is joined by utterance or speaker."""

    def __init__(self, utterances: pd.Series, speakers: pd.Series | None) -> None:
        self._utterances, self._speakers = utterances, speakers
        self._columns: dict[str, tuple[Source, str, np.ndarray | None]] = {}

    def add(self, source: Source, roles: Roles) -> None:
        """The columns of the table of utterances itself, row by row."""
        for name in source.names:
            self._columns.setdefault(name, (source, name, None))
        for role in ("latitude", "longitude", "zip"):
            found = roles.find(role)
            if found is not None:
                self._columns[role] = (source, found, None)

    def join(self, source: Source) -> list[str]:
        """The columns of a second table, by `utterance_id` or else `speaker_id`; returns warnings.

        Raises
        ------
        TableError
            The table has neither column, holds an id twice, or has no id of the audit.
        """
        key = next((name for name in ("utterance_id", "speaker_id") if name in source.names), None)
        if key is None:
            raise TableError(
                f"{source.path}: there is neither utterance_id nor speaker_id, by which attributes could be joined; "
                f"it has {', '.join(source.names)}"
            )
        wanted = self._utterances if key == "utterance_id" else self._speakers
        if wanted is None:
            raise TableError(f"{source.path} is joined by speaker_id, but speakers are unknown; give --utt2spk")
        ids = text_column(source, key)
        if ids.isna().any():
            raise TableError(f"{source.place(int(np.flatnonzero(ids.isna())[0]))}: {key} is empty; fill it")
        if ids.duplicated().any():
            row = int(np.flatnonzero(ids.duplicated())[0])
            raise TableError(f"{source.place(row)}: {key} {ids[row]!r} occurs twice; keep one row of it")
        rows = pd.Index(ids).get_indexer(pd.Index(wanted))
        if (rows < 0).all():
            raise TableError(
                f"{source.path}: none of its {len(ids)} {key}s is among ours ({ids.iloc[0]!r} there, "
                f"{wanted.iloc[0]!r} here); the ids must be the same"
            )
        for name in source.names:
            if name != key:
                self._columns.setdefault(name, (source, name, rows))
        missing = int((rows < 0).sum())
        return [f"{source.path} says nothing of {missing} utterances: their attributes are unspecified"] * bool(missing)

    @property
    def names(self) -> list[str]:
        """The names of all columns."""
        return list(self._columns)

    def text(self, name: str) -> pd.Series:
        """A column as text, NaN where unknown; raises `TableError` if it is missing or of mixed types."""
        return self._aligned(name, text_column)

    def numbers(self, name: str) -> pd.Series:
        """A column as float64, NaN where unknown; raises `TableError` if it is missing or has other values."""
        return self._aligned(name, number_column)

    def place(self, name: str, row: int) -> str:
        """The place of the cell of row `row`, for messages."""
        source, _, rows = self._columns[name]
        return source.place(row if rows is None else int(rows[row]))

    def require(self, name: str, *, option: str) -> None:
        """Raise a `TableError`, which suggests the nearest column, if there is no such column."""
        if name not in self._columns:
            other = known_by_another_name(name, self.names)
            said = hint(name, self.names) if other is None else f"is it {other!r}? then say --column {name}={other}"
            raise TableError(f"{option}: column {name!r} is missing; {said}")

    def _aligned(self, name: str, read: Callable[[Source, str], pd.Series]) -> pd.Series:
        """A column in the order of the utterances."""
        source, column, rows = self._columns[name]
        values = read(source, column)
        if rows is None:
            return values
        return values.reindex(np.where(rows < 0, len(values), rows)).reset_index(drop=True)
