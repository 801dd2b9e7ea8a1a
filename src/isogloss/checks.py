"""Checks of file content before anything is computed from it: JSON texts, and the columns of tables."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isogloss.errors import TableError

LARGEST = 1e15
"""Largest count, rate, time or weight that is accepted; sums of squares of such figures are still finite."""
_IDENTIFIERS = ("utterance_id", "speaker_id", "split", "cohort")
"""Columns that have a value in every row."""


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises
    ------
    ValueError
        It is no JSON, nested too deeply, or holds what cannot be written to a file again: half of a surrogate pair, or
        a number of thousands of digits. The message goes behind the place of the text: "is not valid JSON: ...".
    """
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():  # Half of a surrogate pair is not a character, and no text file can hold it.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone \\ud… escape)") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error}") from None
    except ValueError:  # Python refuses to convert such a number.
        raise ValueError(f"holds a number of more than {sys.get_int_max_str_digits()} digits") from None
    return value


def require_types(table: pd.DataFrame, columns: Mapping[str, str], *, where: str) -> None:
    """Raise a `TableError` for the first cell that is not of its column's kind.

    Parameters
    ----------
    columns
        Columns that the table has, and their kind: "str", "float64" (NaN where unknown) or "int64" (a count or a rank,
        at least 0). Identifiers may not be missing; no number may exceed `LARGEST`.
    """
    for column, kind in columns.items():
        values = table[column]
        wrong = _not_texts(values, column) if kind == "str" else _not_numbers(values, whole=kind == "int64")
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            wanted = {"str": "a text", "int64": "a whole number of at least 0"}.get(kind, "a finite number")
            held = repr(values.iloc[row])
            held = held if len(held) <= 60 else held[:60] + "..."
            raise TableError(
                f"{where}, row {row + 1}: column {column!r} holds {held}, not {wanted}; make the file anew"
            )


def _not_texts(values: pd.Series, column: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A mask of the cells that are not text; only identifiers may not be missing."""
    missing = values.isna().to_numpy(bool)
    if isinstance(values.dtype, pd.StringDtype):
        wrong = np.zeros(len(values), bool)
    else:
        wrong = np.array([not isinstance(value, str) for value in values], bool) & ~missing
    return wrong | missing if column in _IDENTIFIERS else wrong


def _not_numbers(values: pd.Series, *, whole: bool) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A mask of the cells that are not a number of a possible size; without `whole`, missing ones are allowed."""
    missing = values.isna().to_numpy(bool)
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return np.ones(len(values), bool) if whole else ~missing
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    if whole:
        return ~((numbers >= 0) & (numbers <= LARGEST) & (np.trunc(numbers) == numbers))
    return ~missing & ~(np.abs(numbers) <= LARGEST)
