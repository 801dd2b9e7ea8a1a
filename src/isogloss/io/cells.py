"""What the cells of a column mean: text or numbers, of one type throughout."""

import math
from typing import Any

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.reading import Source


def text_column(source: Source, name: str) -> pd.Series:
    """A column as text, stripped of white space at both ends; missing or empty cells are NaN.

    Whole numbers are written without a decimal point, so that 7 and 7.0 are one value.

    Raises
    ------
    TableError
        One row holds text and another a number, or a cell holds a list or the like.
    """
    values = source.column(name).reset_index(drop=True)
    if not isinstance(values.dtype, pd.StringDtype):
        _require_one_type(source, name, values)
        if values.dtype != object or values.map(lambda cell: not isinstance(cell, str | None)).any():
            values = values.map(_written, na_action="ignore")
        values = values.astype("str")
    stripped = values.str.strip()
    return stripped.mask(stripped == "")


def number_column(source: Source, name: str) -> pd.Series:
    """A column as float64, NaN where a cell is missing or empty.

    Raises
    ------
    TableError
        A cell is no finite number.
    """
    values = source.column(name).reset_index(drop=True)
    if values.dtype == object:
        _require_one_type(source, name, values)
    text = values.astype("str").str.strip() if values.dtype == object or values.dtype == "str" else values
    empty = text.isna() if text is values else text.isna() | (text == "")
    numbers = pd.to_numeric(text.mask(empty), errors="coerce").astype("float64")
    wrong = np.flatnonzero(~np.isfinite(numbers) & ~empty)
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{source.place(row)}: column {name!r} holds {values[row]!r}, not a number; correct it, or leave the cell "
            "empty where it is unknown"
        )
    return numbers


def _require_one_type(source: Source, name: str, values: pd.Series) -> None:
    """Refuse a column of which one row holds text and another a number."""
    kinds = values.map(_kind)
    known = kinds[kinds != ""]
    if known.empty or (known.nunique() == 1 and known.iloc[0] != "something else"):
        return
    first = known.index[0]
    row = known.index[known != known.iloc[0]][0] if known.nunique() > 1 else first
    if "something else" in set(known):
        row = known.index[known == "something else"][0]
        raise TableError(
            f"{source.place(row)}: column {name!r} holds a {type(values[row]).__name__}; give text or numbers"
        )
    raise TableError(
        f"{source.place(row)}: column {name!r} holds {known[row]} ({values[row]!r}), but {known.iloc[0]} in "
        f"{source.place(first).rpartition(', ')[2]}; give a column one type"
    )


def _kind(cell: Any) -> str:
    """What a cell holds, in words; nothing if it is missing."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, str):
        return "text"
    if isinstance(cell, bool | np.bool_):
        return "a truth value"
    return "a number" if isinstance(cell, int | float | np.number) else "something else"


def _written(cell: Any) -> str | None:
    """A cell as text."""
    if _kind(cell) == "":
        return None
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)
