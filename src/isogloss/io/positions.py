"""Latitude and longitude of each utterance, checked for range and for swapped columns."""

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.geography import contains
from isogloss.io.attributes import Attributes

MOSTLY = 0.9
"""The columns count as swapped if no position lies in the United States as given, but at least this share of them does
after exchanging the columns."""


def read_positions(attributes: Attributes) -> tuple[pd.DataFrame, list[str]]:
    """latitude and longitude in degrees, NaN where unknown, and warnings.

    The two columns are exchanged, with a warning, if latitudes are out of range but would be valid longitudes, or if
    (almost) all positions lie in the contiguous United States only after exchanging them.

    Raises
    ------
    TableError
        A column is missing, a coordinate is out of range, or no row has a position.
    """
    for name in ("latitude", "longitude"):
        attributes.require(name, option="--discover geographic")
    latitude, longitude = attributes.numbers("latitude"), attributes.numbers("longitude")
    if (latitude.isna() | longitude.isna()).all():
        raise TableError("--discover geographic: no row has both latitude and longitude; fill them in")
    _check_range(attributes, "longitude", longitude, 180.0)
    warnings = []
    if _swapped(latitude, longitude):
        row = int(latitude.abs().fillna(0.0).to_numpy().argmax())
        warnings.append(
            f"latitude and longitude seem to be swapped ({attributes.place('latitude', row)} has latitude "
            f"{latitude[row]:g}, longitude {longitude[row]:g}): they are read the other way round"
        )
        latitude, longitude = longitude, latitude
    _check_range(attributes, "latitude", latitude, 90.0)
    unknown = int((latitude.isna() | longitude.isna()).sum())
    if unknown:
        warnings.append(f"{unknown} utterances have no position: they are a cohort of their own, unspecified")
    return pd.DataFrame({"latitude": latitude, "longitude": longitude}), warnings


def _swapped(latitude: pd.Series, longitude: pd.Series) -> bool:
    """Whether the two columns can only have been exchanged."""
    if latitude.abs().max() > 180 or longitude.abs().max() > 90:
        return False
    if latitude.abs().max() > 90:
        return bool(longitude.abs().max() <= 90)
    places = pd.DataFrame({"a": latitude, "b": longitude}).dropna().drop_duplicates()
    places = places.iloc[:: max(1, len(places) // 1000)]
    as_given = contains(places["a"], places["b"])
    return not as_given.any() and float(np.mean(contains(places["b"], places["a"]))) >= MOSTLY


def _check_range(attributes: Attributes, name: str, values: pd.Series, limit: float) -> None:
    """Refuse a coordinate beyond the globe."""
    outside = np.flatnonzero(values.abs() > limit)
    if outside.size:
        row = int(outside[0])
        raise TableError(
            f"{attributes.place(name, row)}: {name} is {values[row]:g}, beyond ±{limit:g} degrees; correct it or "
            "leave it empty"
        )
