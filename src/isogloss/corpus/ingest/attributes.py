"""Attributes of an utterance or its speaker: numbers within their ranges, or text."""

from collections.abc import Iterable, Mapping

import numpy as np

from isogloss.corpus.description import NUMERIC_ATTRIBUTES
from isogloss.errors import TableError
from isogloss.io.cells import Cell, number

Attributes = dict[str, str | float]


def read_attributes(cells: dict[str, Cell], where: str) -> Attributes:
    """The attributes that are known, by our names; those of `NUMERIC_ATTRIBUTES` as numbers, others as text.

    Raises
    ------
    TableError
        A number is none or out of range, a ZIP was stored as a number, or only one coordinate is given.
    """
    known: Attributes = {}
    for name, cell in cells.items():
        value = _attribute(name, cell, f"{where}: {name}")
        if value is not None:
            known[name] = value
    if ("latitude" in known) != ("longitude" in known):
        given, other = ("latitude", "longitude") if "latitude" in known else ("longitude", "latitude")
        raise TableError(f"{where}: {given} is given but {other} is empty; give both or neither")
    if known.get("weight") == 0.0:
        raise TableError(f"{where}: weight is 0; give a positive weight, leave it empty, or leave the row out")
    return known


def with_age_band(columns: dict[str, str], ages: Iterable[Cell], told: Mapping[str, str]) -> dict[str, str]:
    """Columns of attributes, in which ages in words are an age band.

    Parameters
    ----------
    columns
        Our name of each attribute -> its column.
    ages
        The cells of the column of `age`.
    told
        Attributes that the user named; an `age` among them stays as it is.
    """
    if "age" not in columns or "age" in told or all(map(_is_number, ages)):
        return columns
    others = {name: column for name, column in columns.items() if name != "age"}
    return {"age_band": columns["age"]} | others


def _is_number(cell: Cell) -> bool:
    """Whether a cell holds a number, or nothing."""
    try:
        return cell is None or np.isfinite(float(cell))
    except (TypeError, ValueError):
        return False


def _attribute(name: str, cell: Cell, where: str) -> str | float | None:
    """One attribute, or None if it is not known."""
    if name in NUMERIC_ATTRIBUTES:
        return number(cell, where, *NUMERIC_ATTRIBUTES[name])
    if name == "zip" and cell is not None and not isinstance(cell, str):
        raise TableError(f"{where} is the number {cell}, which has lost its leading zeros; store ZIPs as text")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(number(cell, where))
    return None if cell is None else str(cell)
