"""Checked counts of word errors from a table that has counts instead of texts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.cells import number_column
from isogloss.io.source import Source
from isogloss.judging.word_errors import ERROR_COLUMNS


def read_counts(source: Source, columns: Sequence[tuple[str, str]], *, allow_empty: bool) -> pd.DataFrame:
    """Counts of each row: words; substitutions, deletions and insertions, or errors; and utterances if they are known.

    Parameters
    ----------
    source
        The table.
    columns
        Our name and theirs of each column.
    allow_empty
        Whether rows without reference words may stay.

    Raises
    ------
    TableError
        A count is missing, negative or no whole number, more words are substituted and deleted than there are, or
        no word is counted.
    """
    counts = pd.DataFrame({ours: _whole(source, theirs) for ours, theirs in columns})
    if {"substitutions", "deletions"} <= set(counts):
        wrong = np.flatnonzero(counts["substitutions"] + counts["deletions"] > counts["words"])
        if wrong.size:
            row = int(wrong[0])
            raise TableError(
                f"{source.place(row)}: {counts['substitutions'][row]} words are substituted and "
                f"{counts['deletions'][row]} deleted, of {counts['words'][row]} in the reference; correct the counts"
            )
    if not counts["words"].any():
        raise TableError(f"{source.path}: there are no reference words in any row; is it the right column?")
    empty = np.flatnonzero(counts["words"] == 0)
    if empty.size and not allow_empty:
        raise TableError(
            f"{source.place(int(empty[0]))} has no reference words, as have {empty.size} of {len(counts)} rows; leave "
            "these rows out, or pass --allow-empty, which counts their errors"
        )
    return counts


def _whole(source: Source, name: str) -> pd.Series:
    """A column of whole numbers from 0 on."""
    numbers = number_column(source, name)
    wrong = np.flatnonzero(numbers.isna() | (numbers < 0) | (numbers != np.floor(numbers)) | (numbers > 2**53))
    if wrong.size:
        row = int(wrong[0])
        held = "empty" if np.isnan(numbers[row]) else f"{numbers[row]:g}"
        raise TableError(f"{source.place(row)}: column {name!r} is {held}; a count is a whole number, 0 or more")
    return numbers.astype(np.int64)


def kinds_known(table: pd.DataFrame) -> bool:
    """Whether a table has substitutions, deletions and insertions as separate columns."""
    return set(ERROR_COLUMNS) <= set(table.columns)
