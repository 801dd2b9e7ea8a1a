"""The contiguous United States: outlines of the states, what lies inside them, and an equal-area map.

`data/contiguous_states.json` holds the 48 states and the District of Columbia as rings of [longitude, latitude] in
degrees (WGS 84, two decimals). It derives from the TopoJSON file `states-10m.json` of the npm package us-atlas 3.0.1,
itself made from the public-domain cartographic boundary files of the U.S. Census Bureau: the shared arcs were
simplified once (Douglas-Peucker, 0.05 degree), so neighbours still meet along the same points, and islands below 0.02
square degrees were dropped.
"""

import functools
import json
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Kilometres = float

EARTH_RADIUS: Kilometres = 6371.0088
"""Mean radius of the Earth (IUGG)."""

_OUTLINES = Path(__file__).parent / "data" / "contiguous_states.json"
_PARALLELS = np.radians([29.5, 45.5])
_ORIGIN = np.radians([37.5, -96.0])
_POINTS_AT_ONCE = 512


POSTAL_CODES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY",
    "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
    "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH",
    "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND",
    "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI",
    "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT",
    "Virginia": "VA", "Washington": "WA", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
"""Postal codes (USPS) of the 50 states and the District of Columbia, by name."""


def state_named(text: str) -> str | None:
    """The state of a name or postal code, in upper or lower case; None if it is not a state.

    >>> state_named("tx"), state_named("new york"), state_named("Ontario")
    ('Texas', 'New York', None)
    """
    wanted = text.strip().casefold()
    return next((name for name, code in POSTAL_CODES.items() if wanted in (name.casefold(), code.casefold())), None)


@functools.cache
def state_polygons() -> dict[str, list[FloatArray]]:
    """The outline of each state by name: open rings [points, 2] of latitude and longitude in degrees."""
    rings = json.loads(_OUTLINES.read_text(encoding="utf-8"))
    return {
        state: [np.asarray(ring, dtype=np.float64)[:, ::-1] for ring in polygon] for state, polygon in rings.items()
    }


def contains(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.bool_]:
    """Whether each position (degrees; shapes broadcast) lies inside the contiguous United States.

    Counts how often a line due east of the point crosses the outline: an odd number is inside. A position without
    coordinates (NaN) is not inside.
    """
    lat, lon = np.broadcast_arrays(np.asarray(latitude, np.float64), np.asarray(longitude, np.float64))
    lat_N, lon_N = lat.ravel(), lon.ravel()
    inside_N = np.zeros(lat_N.shape, dtype=bool)
    borders_4E = _borders()
    order_N = np.argsort(lat_N)  # Sorted by latitude, neighbouring positions cross few edges; NaN comes last.
    order_N = order_N[: np.count_nonzero(~np.isnan(lat_N))]
    for start in range(0, len(order_N), _POINTS_AT_ONCE):
        part = order_N[start : start + _POINTS_AT_ONCE]
        lat_N1 = lat_N[part, None]
        south_E, north_E, base_E, slope_E = borders_4E
        met = (south_E <= lat_N1[-1]) & (north_E > lat_N1[0])
        south_E, north_E, base_E, slope_E = borders_4E[:, met]
        crosses_NE = (south_E <= lat_N1) & (lat_N1 < north_E)
        east_NE = lon_N[part, None] < base_E + slope_E * lat_N1
        inside_N[part] = (crosses_NE & east_NE).sum(axis=1) % 2 == 1
    return inside_N.reshape(lat.shape)


@functools.cache
def _borders() -> FloatArray:
    """Edges of the outline, of shape [4, E]: southern and northern latitude, longitude = base + slope * latitude."""
    count: dict[tuple[tuple[float, float], tuple[float, float]], int] = {}
    for polygon in state_polygons().values():
        for ring in polygon:
            points = [(float(lat), float(lon)) for lat, lon in ring]
            for start, end in zip(points, points[1:] + points[:1], strict=True):
                edge = (start, end) if start <= end else (end, start)
                count[edge] = count.get(edge, 0) + 1
    # A border between two states belongs to both, so its crossings cancel. Edges due east have none.
    outline = np.array([edge for edge, times in count.items() if times % 2 and edge[0][0] != edge[1][0]])
    south, north = outline[:, 0], outline[:, 1]
    slope = (north[:, 1] - south[:, 1]) / (north[:, 0] - south[:, 0])
    return np.stack([south[:, 0], north[:, 0], south[:, 1] - slope * south[:, 0], slope])


def project(latitude: ArrayLike, longitude: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Albers equal-area conic projection of degrees to kilometres east and north of 37.5 N, 96 W.

    Spherical form of Snyder 1987 ("Map Projections: A Working Manual", equations 14-1 to 14-6) with the standard
    parallels that maps of the contiguous United States use, 29.5 and 45.5 degrees. Areas are true; near the standard
    parallels so are distances, within about one percent over the whole map.
    """
    phi = np.radians(np.asarray(latitude, np.float64))
    theta = np.radians(np.asarray(longitude, np.float64)) - _ORIGIN[1]
    n = np.sin(_PARALLELS).sum() / 2
    constant = np.cos(_PARALLELS[0]) ** 2 + 2 * n * np.sin(_PARALLELS[0])
    rho = EARTH_RADIUS * np.sqrt(constant - 2 * n * np.sin(phi)) / n
    rho_origin = EARTH_RADIUS * np.sqrt(constant - 2 * n * np.sin(_ORIGIN[0])) / n
    return rho * np.sin(n * theta), rho_origin - rho * np.cos(n * theta)
