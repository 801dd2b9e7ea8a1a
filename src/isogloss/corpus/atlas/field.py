"""The dialect field: the share of people at each place who speak each dialect (our choice of model).

Around the centre of an area the share is its strength s; it falls off as s exp(-(r / (k spread))^4), almost flat
inside and steep at the rim. One factor k a dialect is chosen such that its share of the population is met: a dialect
of few people is a compact area where it is the majority, not a thin sprinkling. Where areas overlap their shares are
scaled down to sum to 1; the dialect without areas speaks wherever the others do not. At last a share of people
(migration) is spread evenly over the map.

Shapes: N people, D dialects (in the order of the description), A areas.
"""

import numpy as np
from numpy.typing import NDArray

from isogloss.corpus.atlas.description import Description, Dialect
from isogloss.errors import CorpusError
from isogloss.geography import project

FloatArray = NDArray[np.float64]

_CALIBRATION_PEOPLE = 20_000
_ROUNDS = 5
_BISECTIONS = 14
_LARGEST_FACTOR = 20.0
_TOLERANCE = 0.25
"""Largest relative error of a dialect's share; beyond it the areas are refused."""


def dialect_shares(description: Description, latitude_N: FloatArray, longitude_N: FloatArray) -> FloatArray:
    """The probability of each dialect at each place, of shape [N, D]; the mean over people is each dialect's share.

    Raises
    ------
    CorpusError
        The areas of a dialect cannot hold its share, because others overlap them or too few people live there.
    """
    dialects = list(description.dialects.values())
    shares_D = np.array([dialect.share for dialect in dialects])
    few = slice(0, _CALIBRATION_PEOPLE)  # People are in random order.
    distances = [_relative_distances(dialect, latitude_N, longitude_N) for dialect in dialects]
    factors_D = _calibrate(dialects, [d_NA[few] for d_NA in distances], shares_D)
    presence_ND = np.stack([_presence(*item) for item in zip(dialects, distances, factors_D, strict=True)], axis=1)
    local_ND = _with_background(presence_ND, dialects)
    for name, share, met in zip(description.dialects, shares_D, local_ND.mean(axis=0), strict=True):
        if abs(met - share) > _TOLERANCE * share:
            raise CorpusError(
                f"the areas of dialect {name!r} hold {met:.3f} of the people, not its share {share:g}: others overlap "
                "them or too few people live there; move them, raise their strength or lower the share"
            )
    migration = description.map.migration
    return (1 - migration) * local_ND + migration * shares_D


def _relative_distances(dialect: Dialect, latitude_N: FloatArray, longitude_N: FloatArray) -> FloatArray:
    """Distance to each area of a dialect over its spread, of shape [N, A]."""
    x_N, y_N = project(latitude_N, longitude_N)
    distances_NA = np.empty((len(x_N), len(dialect.areas)))
    for index, area in enumerate(dialect.areas):
        x, y = project(area.latitude, area.longitude)
        distances_NA[:, index] = np.hypot(x_N - x, y_N - y) / area.spread_km
    return distances_NA


def _presence(dialect: Dialect, distances_NA: FloatArray, factor: float) -> FloatArray:
    """The dialect's claim on each place, of shape [N]; 0 for the dialect without areas."""
    presence_N = np.zeros(len(distances_NA))
    for area, distances_N in zip(dialect.areas, distances_NA.T, strict=True):
        np.maximum(presence_N, area.strength * np.exp(-((distances_N / factor) ** 4)), out=presence_N)
    return presence_N


def _with_background(presence_ND: FloatArray, dialects: list[Dialect]) -> FloatArray:
    """Claims scaled to sum to at most 1, the rest given to the dialect without areas."""
    local_ND = presence_ND / np.maximum(presence_ND.sum(axis=1, keepdims=True), 1.0)
    background = next(index for index, dialect in enumerate(dialects) if not dialect.areas)
    local_ND[:, background] = 1 - local_ND.sum(axis=1)
    return local_ND


def _calibrate(dialects: list[Dialect], distances: list[FloatArray], shares_D: FloatArray) -> FloatArray:
    """The factor of each dialect's areas, by bisection in turns until their overlaps have settled."""
    factors_D = np.ones(len(dialects))
    presence_ND = np.stack([_presence(*item) for item in zip(dialects, distances, factors_D, strict=True)], axis=1)
    for _ in range(_ROUNDS):
        for index, dialect in enumerate(dialects):
            others_N = np.delete(presence_ND, index, axis=1).sum(axis=1)
            low, high = 0.0, _LARGEST_FACTOR if dialect.areas else 0.0
            for _ in range(_BISECTIONS if dialect.areas else 0):
                middle = (low + high) / 2
                own_N = _presence(dialect, distances[index], middle)
                if (own_N / np.maximum(own_N + others_N, 1.0)).mean() < shares_D[index]:
                    low = middle
                else:
                    high = middle
            factors_D[index] = high or 1.0
            presence_ND[:, index] = _presence(dialect, distances[index], factors_D[index])
    return factors_D
