"""Values of a table: whole columns of text or numbers, or single cells with their place for messages.

A column holds only text, only numbers or only truth values. Functions for whole columns (`text_column`,
`number_column`) are fast enough for millions of rows. Functions for single cells (`cells`, `identifier`, `text`,
`number`) check one cell at a time, and their messages begin with the place of the cell.
"""

import math
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.source import Source

Cell = str | int | float | bool | None


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
    """A column as float64, NaN where a cell is missing, empty or NaN.

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


def cells(source: Source, name: str) -> list[Cell]:
    """A column cell by cell: text is stripped of white space at both ends, and empty text is None like a missing cell.

    Raises
    ------
    TableError
        As `text_column`.
    """
    found = [(cell.strip() or None) if isinstance(cell, str) else cell for cell in source.values(name)]
    _require_one_type(source, name, pd.Series(found, dtype=object))
    return found


def identifier(cell: Cell, where: str) -> str:
    """An id as text; whole numbers are spelt out, fractions and truth values refused."""
    if cell is None:
        raise TableError(f"{where} is empty; give every row one")
    if isinstance(cell, bool | float):
        raise TableError(f"{where} is {cell!r}; store identifiers as text")
    return str(cell)


def text(cell: Cell, where: str) -> str:
    """A transcript or a path: text that is not empty."""
    if cell is None:
        raise TableError(f"{where} is empty; fill it in or leave the row out")
    if not isinstance(cell, str):
        raise TableError(f"{where} is {cell!r}, not text; store it as text")
    return cell


def number(cell: Cell, where: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number from `low` to `high`, or None for an empty cell; NaN is a mistake, not a gap."""
    if cell is None:
        return None
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        _refuse_number(cell, where)
    try:
        value = float(cell)
    except (ValueError, OverflowError):
        _refuse_number(cell, where)
    if not math.isfinite(value):
        _refuse_number(cell, where)
    if not low <= value <= high:
        raise TableError(f"{where} is {cell}, but must be from {low:g} to {high:g}; correct it or leave the cell empty")
    return value


def _refuse_number(cell: Cell, where: str) -> NoReturn:
    """Raise the error that says that a cell holds no number."""
    raise TableError(f"{where} is {cell!r}, not a number; correct it, or leave the cell empty where it is unknown")


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
        f"{source.position(first)}; give a column one type"
    )


def _kind(cell: Any) -> str:
    """The kind of a cell's value, in words; empty if the cell is missing."""
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
