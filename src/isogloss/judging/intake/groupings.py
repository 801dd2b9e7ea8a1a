"""Cohorts that are the values of known columns, and their intersections."""

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.attributes import Attributes
from isogloss.judging.grouping import UNSPECIFIED, Grouping
from isogloss.judging.intake.request import Request
from isogloss.tables import RESULT_COLUMNS

NO_COHORTS = {
    *RESULT_COLUMNS,
    "utterance_id",
    "speaker_id",
    "ref",
    "weight",
    "words",
    "duration_s",
    "duration",
    "split",
}
"""Columns of our tables and of manifests that describe no speaker."""
MOST_VALUES = 300
"""Of a column that is to tell cohorts apart."""
MOST_NUMBERS = 20
"""Of a column all of whose values are numbers: beyond this it is a measurement, and bands must be made of it."""


def known_groupings(attributes: Attributes, request: Request) -> list[Grouping]:
    """A grouping for each `--by`.

    Raises
    ------
    TableError
        A column is missing, has a single value, or too many.
    """
    return [_grouping(attributes, by) for by in request.by]


def by_columns(attributes: Attributes, by: str) -> list[str]:
    """The columns that `gender` or `gender+age_band` names; a column of that very name comes first."""
    columns = [by] if by in attributes.names else [part.strip() for part in by.split("+")]
    for column in columns:
        attributes.require(column, option="--by")
    return columns


def candidates(attributes: Attributes, *, rows: int) -> list[str]:
    """Columns that could tell cohorts apart: a few values, each of several rows."""
    found = []
    for name in attributes.names:
        if name in NO_COHORTS:
            continue
        try:
            values = attributes.text(name)
        except TableError:
            continue
        if 2 <= values.nunique() <= MOST_NUMBERS and rows >= 10 * values.nunique():
            found.append(name)
    return found


def _grouping(attributes: Attributes, by: str) -> Grouping:
    """One `--by`."""
    columns = by_columns(attributes, by)
    values = [attributes.text(column).fillna(UNSPECIFIED) for column in columns]
    for column, series in zip(columns, values, strict=True):
        _check_number_of_values(column, series)
    cohorts = values[0]
    labels = {value: value for value in cohorts.unique()}
    unnamed = [UNSPECIFIED]
    if len(columns) > 1:
        # Codes first: a million rows have few different combinations.
        table = pd.DataFrame(dict(enumerate(values)))
        groups = table.assign(_=1).groupby(list(table.columns), sort=True)
        keys = [[str(value) for value in key] for key in groups.first().index]
        names = [" & ".join(f"{c}={v}" for c, v in zip(columns, key, strict=True)) for key in keys]
        labels = {name: ", ".join(key) for name, key in zip(names, keys, strict=True)}
        unnamed = [name for name, key in zip(names, keys, strict=True) if UNSPECIFIED in key]
        cohorts = pd.Series(np.array(names, dtype=object)[groups.ngroup().to_numpy()], dtype="str")
    if cohorts.nunique() < 2:
        raise TableError(
            f"--by {by}: every row has the value {labels[cohorts.iloc[0]]!r}, a single cohort; a comparison needs two"
        )
    title = " and ".join(column.replace("_", " ") for column in columns)
    return Grouping(
        name="+".join(columns), title=title, cohorts=cohorts, labels=labels, unnamed=unnamed, split="all speakers"
    )


def _check_number_of_values(column: str, values: pd.Series) -> None:
    """Refuse measurements and identifiers."""
    distinct = values.unique()
    numbers = pd.to_numeric(pd.Series(distinct).mask(distinct == UNSPECIFIED), errors="coerce")
    if len(distinct) > MOST_NUMBERS and numbers.notna().sum() >= len(distinct) - 1:
        raise TableError(
            f"--by {column}: the column holds {len(distinct)} different numbers; make bands of it first, such as "
            f"'18-24', '25-44' in a column {column}_band"
        )
    if len(distinct) > MOST_VALUES:
        raise TableError(
            f"--by {column}: the column holds {len(distinct)} different values, more than {MOST_VALUES}; a cohort "
            "needs speakers, so give a coarser column"
        )
