"""What a cell of a table means: an identifier, a number within a range, an attribute of a speaker.

Every refusal is a `TableError` that begins with the place of the cell, as in "corpus.csv, line 7: latitude".
"""

import math
from typing import NoReturn

from isogloss.corpus.description import NUMERIC_ATTRIBUTES
from isogloss.corpus.ingest.reading import Cell
from isogloss.errors import TableError


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
    """A finite number from `low` to `high`, or None for an empty cell; "nan" is a mistake, not a gap."""
    if cell is None:
        return None
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        _refuse_number(cell, where)
    try:
        value = float(cell)
    except ValueError:
        _refuse_number(cell, where)
    if not math.isfinite(value):
        _refuse_number(cell, where)
    if not low <= value <= high:
        raise TableError(f"{where} is {cell}, but must be from {low:g} to {high:g}; correct it or leave the cell empty")
    return value


def attributes(cells: dict[str, Cell], where: str) -> dict[str, str | float]:
    """The attributes that are known, by our names; those of `NUMERIC_ATTRIBUTES` as numbers, others as text.

    Raises
    ------
    TableError
        A number is none or out of range, a ZIP was stored as a number, or only one coordinate is given.
    """
    known: dict[str, str | float] = {}
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


def _attribute(name: str, cell: Cell, where: str) -> str | float | None:
    """One attribute, or None where it is not known."""
    if name in NUMERIC_ATTRIBUTES:
        return number(cell, where, *NUMERIC_ATTRIBUTES[name])
    if name == "zip" and cell is not None and not isinstance(cell, str):
        raise TableError(f"{where} is the number {cell}, which has lost its leading zeros; store ZIPs as text")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(number(cell, where))
    return None if cell is None else str(cell)


def _refuse_number(cell: Cell, where: str) -> NoReturn:
    """Say that a cell holds no number."""
    raise TableError(f"{where} is {cell!r}, not a number; correct it, or leave the cell empty where it is unknown")
