"""Cohorts that are the values of known columns, and their intersections."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
"""Columns of Isogloss's tables and of manifests that do not describe a speaker."""
MOST_VALUES = 300
"""Largest number of values of a column that defines cohorts."""
STRONG = 0.5
"""Two groupings with at least this Cramér's V cause a warning (our choice)."""
MOST_NUMBERS = 20
"""Largest number of values of a numeric column that defines cohorts; one with more is a measurement and needs bands."""


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


def covariates(attributes: Attributes, request: Request) -> dict[str, pd.Series]:
    """The columns of `--within` as categories, those of `--adjust` as numbers where they are measurements.

    Raises
    ------
    TableError
        A column is missing, holds too many categories, or a measurement is missing in a row.
    """
    found: dict[str, pd.Series] = {}
    for option, names in (("--within", request.within), ("--adjust", request.adjust)):
        for name in names:
            attributes.require(name, option=option)
            text = attributes.text(name)
            if option == "--adjust" and text.nunique() > MOST_NUMBERS and _all_numbers(text):
                found[name] = attributes.numbers(name)
                continue
            found[name] = text.fillna(UNSPECIFIED)
            if found[name].nunique() > MOST_VALUES:
                raise TableError(
                    f"{option} {name}: the column holds {text.nunique()} different values; give a coarser one"
                )
    return found


def _all_numbers(text: pd.Series) -> bool:
    """Whether all values that are known are numbers."""
    known = pd.Series(text.dropna().unique())
    return bool(pd.to_numeric(known, errors="coerce").notna().all())


def overlaps(groupings: Sequence[Grouping], speakers: pd.Series) -> list[str]:
    """Warnings about strongly associated groupings: a finding about one of them may be due to the other.

    The measure is Cramér's V over speakers: 0 where the groupings are independent, 1 where one follows from the other.
    """
    said = []
    for number, one in enumerate(groupings):
        for other in groupings[number + 1 :]:
            if {*one.name.split("+")} & {*other.name.split("+")}:
                continue  # An intersection is always associated with its parts.
            rows = pd.DataFrame({"a": one.cohorts, "b": other.cohorts, "speaker": speakers.to_numpy()})
            table = rows.drop_duplicates().groupby(["a", "b"], observed=True).size().unstack(fill_value=0)
            strength = _cramers_v(table.to_numpy(np.float64))
            if strength >= STRONG:
                said.append(
                    f"{one.title} and {other.title} go together (Cramér's V {strength:.2f}): what one shows may belong "
                    "to the other; --within compares cohorts of one among speakers who are alike in the other"
                )
    return said


def _cramers_v(table: NDArray[np.float64]) -> float:
    """The association of the rows and columns of a table of counts."""
    total, smaller = table.sum(), min(table.shape) - 1
    if smaller < 1 or total == 0:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / total / smaller))


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
        # Work on codes first: a million rows have few different combinations.
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
