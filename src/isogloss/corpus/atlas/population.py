"""The people of Atlas: positions, ZIP codes, dialects, gender and age, and the demographic table of the ZIPs.

A population is drawn first and knows nothing of splits; speakers are sampled from it (`sampling`). Distributions are
our choice. The columns of the ZIP table follow the schema of the American Community Survey extracts that go with real
ZCTAs (percent_white, ..., per_capita_income, median_rent, median_age); its codes and figures are invented.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from isogloss.corpus.atlas.description import Description, Map
from isogloss.corpus.atlas.field import dialect_shares
from isogloss.geography import contains, project, state_polygons

FloatArray = NDArray[np.float64]

AGE_BANDS = {
    "18-24": (18.0, 25.0, 0.12),
    "25-44": (25.0, 45.0, 0.35),
    "45-64": (45.0, 65.0, 0.32),
    "65+": (65.0, 90.0, 0.21),
}
"""Age band -> lowest age, first age above the band, and share of adults."""

GROUPS = ("white", "black", "asian", "hispanic")
_KM_PER_DEGREE = 111.2
_PEOPLE_PER_ZIP = 10_000
"""Mean total population of a ZIP, about that of a real one."""


def draw_people(description: Description, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row a person, in random order: latitude, longitude, gender, age, age_band, dialect."""
    latitude, longitude = draw_positions(description.map, count, rng)
    shares_ND = dialect_shares(description, latitude, longitude)
    chosen = (rng.random((count, 1)) > shares_ND.cumsum(axis=1)).sum(axis=1).clip(max=shares_ND.shape[1] - 1)
    bands = list(AGE_BANDS)
    band = rng.choice(len(bands), size=count, p=[share for _, _, share in AGE_BANDS.values()])
    low, high = (np.array([limits[side] for limits in AGE_BANDS.values()])[band] for side in (0, 1))
    age = np.floor((low + (high - low) * rng.random(count)) * 10) / 10
    return pd.DataFrame(
        {
            "latitude": latitude,
            "longitude": longitude,
            "gender": np.where(rng.random(count) < 0.5, "female", "male"),
            "age": age,
            "age_band": np.array(bands)[band],
            "dialect": np.array(list(description.dialects))[chosen],
        }
    )


def draw_positions(geography: Map, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes inside the contiguous United States, in degrees rounded to about 10 m."""
    positions = np.empty((0, 2))
    while len(positions) < count:
        drawn = _draw_anywhere_near(geography, count, rng).round(4)
        positions = np.concatenate([positions, drawn[contains(drawn[:, 0], drawn[:, 1])]])
    return positions[:count, 0], positions[:count, 1]


def _draw_anywhere_near(geography: Map, count: int, rng: np.random.Generator) -> FloatArray:
    """Positions of shape [count, 2] from the mixture of cities, hinterland and open country, sea included."""
    millions = np.array([metro.millions for metro in geography.metros])
    centres = np.array([(metro.latitude, metro.longitude) for metro in geography.metros])
    centre = centres[rng.choice(len(centres), size=count, p=millions / millions.sum())]
    kind = rng.random((count, 1))
    rural = geography.anywhere_share + geography.hinterland_share
    spread = np.where(kind < rural, geography.hinterland_km, geography.core_km) / _KM_PER_DEGREE
    offset = rng.standard_normal((count, 2)) * spread
    offset[:, 1] /= np.cos(np.radians(centre[:, 0]))
    outline = np.concatenate([ring for polygon in state_polygons().values() for ring in polygon])
    south_west, north_east = outline.min(axis=0), outline.max(axis=0)
    # Evenly over the globe's surface means evenly in the sine of the latitude.
    low, high = np.sin(np.radians([south_west[0], north_east[0]]))
    sine = rng.uniform(low, high, count)
    anywhere = np.stack([np.degrees(np.arcsin(sine)), rng.uniform(south_west[1], north_east[1], count)], axis=1)
    return np.where(kind < geography.anywhere_share, anywhere, centre + offset)


def assign_zips(people: pd.DataFrame, count: int, rng: np.random.Generator) -> tuple[pd.Series, pd.DataFrame]:
    """The code of the nearest ZIP for each person, and a table of codes and positions.

    A ZIP lies where some person lives, so that cities have many. As real ones do, codes rise from east to west by
    zone (the first digit), within a zone from south to north.
    """
    centres = people.iloc[rng.choice(len(people), size=count, replace=False)]
    zone = np.empty(count, dtype=np.int64)
    zone[np.argsort(-centres["longitude"].to_numpy(), kind="stable")] = np.arange(count) * 10 // count
    order = np.lexsort((centres["latitude"].to_numpy(), zone))
    table = centres[["latitude", "longitude"]].iloc[order].reset_index(drop=True)
    zone = zone[order]
    place = np.arange(count) - np.searchsorted(zone, zone)
    step = 9000 // np.bincount(zone).max()
    table.insert(0, "zip", [f"{z}{1000 + step * p:04d}" for z, p in zip(zone, place, strict=True)])
    tree = KDTree(np.stack(project(table["latitude"], table["longitude"]), axis=1))
    nearest = tree.query(np.stack(project(people["latitude"], people["longitude"]), axis=1))[1]
    return pd.Series(table["zip"].to_numpy()[nearest], index=people.index), table


def describe_zips(
    zips: pd.DataFrame, people: pd.DataFrame, description: Description, rng: np.random.Generator
) -> pd.DataFrame:
    """The demographic table: who lives in each ZIP, from the communities of its inhabitants' dialects and chance."""
    profiles = {
        name: [*(getattr(d.community, g) for g in GROUPS), d.community.income]
        for name, d in description.dialects.items()
    }
    of_person = pd.DataFrame(people["dialect"].map(profiles).tolist(), columns=[*GROUPS, "income"])
    of_person["zip"] = people["zip"].to_numpy()
    mean = of_person.groupby("zip")[[*GROUPS, "income"]].mean().loc[zips["zip"]].to_numpy()
    inhabitants = people.groupby("zip").agg(people=("age", "size"), age=("age", "median")).loc[zips["zip"]]
    percent = mean[:, :-1]
    nameless = 100 - percent.sum(axis=1, keepdims=True)
    # A Dirichlet draw around the mean, as gamma variates: neighbours differ, and the sum stays 100.
    gamma = rng.gamma(np.maximum(np.hstack([percent, nameless]), 0.5) * 0.4)
    percent = (100 * gamma / gamma.sum(axis=1, keepdims=True)).round(1)[:, :-1]
    income = mean[:, -1] * np.exp(0.2 * rng.standard_normal(len(zips)))
    rent = 0.022 * income * np.exp(0.12 * rng.standard_normal(len(zips))) + 150
    return zips.assign(
        total_population=(inhabitants["people"] * _PEOPLE_PER_ZIP * len(zips) / len(people)).round().to_numpy(np.int64),
        **{f"percent_{group}": percent[:, index] for index, group in enumerate(GROUPS)},
        per_capita_income=income.round(),
        median_rent=rent.round(),
        median_age=inhabitants["age"].to_numpy().round(1),
    )
