"""From speakers' ZIP codes to demographic figures, the inputs of the geodemographic rule."""

from collections.abc import Sequence

import pandas as pd

from isogloss.errors import TableError
from isogloss.tables import require_columns

KEYS = ("zip", "zcta")
"""Names of the column of ZIP codes, in our tables and in those of the Census Bureau."""

PLACE = ("latitude", "longitude")
"""Columns of a ZIP table with the position of a ZIP instead of figures about its people."""


def zip_attributes(table: pd.DataFrame) -> list[str]:
    """The columns of a ZIP table that describe its people: all numbers but the position."""
    hidden = {*KEYS, *PLACE}
    return [str(c) for c in table.columns if c not in hidden and pd.api.types.is_numeric_dtype(table[c])]


def join_zip_attributes(
    zips: pd.Series, table: pd.DataFrame, attributes: Sequence[str], *, where: str = "the ZIP table"
) -> pd.DataFrame:
    """The attributes of each row's ZIP, NaN where the ZIP is missing or unknown.

    Parameters
    ----------
    zips
        A ZIP code a row, in any common writing: `01001`, `1001`, `01001-2345`, 1001.0.
    table
        One row a ZIP: `zip` (or `zcta`) and numeric attributes, such as percent_black or median_age.
    attributes
        The columns that are wanted.
    where
        The file of `table`, for messages.

    Returns
    -------
    A float table with the attributes as columns and the index of `zips`.

    Raises
    ------
    TableError
        The table lacks the ZIP column or an attribute, has a ZIP twice, or an attribute that is no number.
    """
    key = next((name for name in KEYS if name in table.columns), None)
    if key is None:
        raise TableError(f"{where}: there is no column 'zip' (or 'zcta') that says which ZIP a row describes")
    require_columns(table, attributes, where=where)
    codes = normalised_zips(table[key])
    twice = codes[codes.duplicated() & codes.notna()]
    if len(twice):
        raise TableError(f"{where}: ZIP {twice.iloc[0]} has more than one row; keep one")
    try:
        figures = table[list(attributes)].astype("float64").set_axis(codes)
    except (TypeError, ValueError) as error:
        raise TableError(f"{where}: the attributes must be numbers: {error}") from None
    return figures[figures.index.notna()].reindex(normalised_zips(zips)).set_axis(zips.index)


def normalised_zips(zips: pd.Series) -> pd.Series:
    """ZIP codes as five digits; missing where a value is no ZIP code."""
    parts = zips.astype("str").str.strip().str.extract(r"^(\d{1,5})(?:\.0)?(?:-\d{4})?$", expand=False)
    return parts.str.zfill(5)
