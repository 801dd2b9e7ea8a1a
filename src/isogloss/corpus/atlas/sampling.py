"""Which people become speakers of which split, and what each of them stands for.

Train follows the population and is where rarity is planted: its dialects have the population's shares, by largest
remainder rather than by luck, so that a rare one is rare but there. Every other split is a survey: people are drawn by
what is known of them without listening, never by their dialect. Under `stratified` sampling the chance to be drawn
rises where few people live, and in ZIPs whose largest group is a small one (power allocation, Bankier 1988), so that
regions and groups of few people get enough speakers to be judged. Under `natural` sampling everybody has the same
chance.

The draw is systematic in the order of ZIP codes (Madow 1949), so that each region has its share of the speakers. A
speaker's weight is the inverse of their chance (Horvitz & Thompson 1952), scaled to mean 1 in a split: weighted figures
are population figures. It follows from position and ZIP, hence tells of a dialect nothing that these do not.
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.description import Description
from isogloss.corpus.atlas.population import GROUPS
from isogloss.errors import ParamsError
from isogloss.geography import project

FloatArray = NDArray[np.float64]

FEWEST_SPEAKERS = 2
"""Fewest speakers of a dialect in train."""
NEIGHBOURHOOD_KM = 150.0
_DENSITY_POWER = 0.5
_GROUP_POWER = 0.25
"""The chance to be drawn is proportional to the number of people within `NEIGHBOURHOOD_KM` to the power
-`_DENSITY_POWER`, and to the number of people on the map whose ZIP has the same largest group to the power
-`_GROUP_POWER`. Our choice: every rare dialect of the shipped map reaches about 3 % of a split, and the effective
number of speakers is about two thirds of their number."""
_PEOPLE_FOR_A_SPEAKER = 20


def largest_remainder(shares: dict[str, float], total: int, *, at_least: int) -> dict[str, int]:
    """Whole numbers that sum to `total` and are nearest to the shares, none below `at_least`.

    Hamilton's method: everyone gets their quota rounded down, the largest remainders the seats that are left (ties in
    the order of `shares`). Where someone is then below `at_least`, the largest give.
    """
    counts = {name: int(share * total) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name] * total)
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    for name in counts:
        while counts[name] < at_least:
            counts[max(counts, key=lambda other: counts[other])] -= 1
            counts[name] += 1
    return counts


def plan_train(params: AtlasParams, description: Description) -> dict[str, int]:
    """How many speakers of each dialect train has.

    Raises
    ------
    ParamsError
        Train is too small to hold every dialect.
    """
    shares = {name: dialect.share for name, dialect in description.dialects.items()}
    fewest = FEWEST_SPEAKERS * len(shares)
    if params.train_speakers < fewest:
        raise ParamsError(
            f"atlas.train_speakers is {params.train_speakers}, but must be at least {fewest}: "
            f"{FEWEST_SPEAKERS} speakers of each of {len(shares)} dialects"
        )
    return largest_remainder(shares, params.train_speakers, at_least=FEWEST_SPEAKERS)


def surveyed(params: AtlasParams) -> dict[str, int]:
    """Speakers of each split that is a survey, in the order of drawing."""
    return {
        "adapt": params.adapt_speakers,
        "discovery": params.discovery_speakers,
        "dev": params.dev_speakers,
        "test": params.test_speakers,
    }


def population_size(params: AtlasParams, description: Description) -> int:
    """How many people to draw so that no split takes more than a small part of them, nor train of a dialect."""
    train = plan_train(params, description)
    scarcest = max(train[name] / dialect.share for name, dialect in description.dialects.items())
    surveys = _PEOPLE_FOR_A_SPEAKER * sum(surveyed(params).values())
    return max(20 * description.map.zips, 40_000, surveys, int(4 * scarcest))


def draw_speakers(
    people: pd.DataFrame,
    zips: pd.DataFrame,
    params: AtlasParams,
    description: Description,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The people who speak, with `speaker_id`, `split` and `weight`; ids are numbers in random order.

    Parameters
    ----------
    people
        `population.draw_people` with a column `zip`.
    zips
        `population.describe_zips`: codes and demography.
    """
    pool = people.iloc[rng.permutation(len(people))].reset_index(drop=True)
    size_N = relative_chances(pool, zips, params.sampling)
    order_N = pool["zip"].to_numpy().argsort(kind="stable")
    taken_N = np.zeros(len(pool), dtype=bool)
    train = np.concatenate(
        [
            np.flatnonzero((pool["dialect"] == name).to_numpy())[:count]
            for name, count in plan_train(params, description).items()
        ]
    )
    taken_N[train] = True
    chosen = [pool.iloc[train].assign(split="train", weight=1.0)]
    for split, count in surveyed(params).items():
        free_N = order_N[~taken_N[order_N]]
        place_S, chance_S = systematic_sample(size_N[free_N], count, rng)
        drawn_S = free_N[place_S]
        taken_N[drawn_S] = True
        weight_S = 1 / chance_S
        chosen.append(pool.iloc[drawn_S].assign(split=split, weight=weight_S / weight_S.mean()))
    speakers = pd.concat(chosen, ignore_index=True)
    speakers = speakers.iloc[rng.permutation(len(speakers))].reset_index(drop=True)
    digits = max(4, len(str(len(speakers))))
    speakers.insert(0, "speaker_id", [f"s{number:0{digits}d}" for number in range(1, len(speakers) + 1)])
    return speakers


def relative_chances(
    people: pd.DataFrame, zips: pd.DataFrame, sampling: Literal["stratified", "natural"]
) -> FloatArray:
    """How much likelier than others each person is to be drawn, of shape (N,): a function of place and ZIP alone."""
    if sampling == "natural":
        return np.ones(len(people))
    place_N2 = np.stack(project(people["latitude"], people["longitude"]), axis=1)
    near_N = KDTree(place_N2).query_ball_point(place_N2, NEIGHBOURHOOD_KM, return_length=True)
    largest = zips.set_index("zip")[[f"percent_{group}" for group in GROUPS]].idxmax(axis=1)
    group = people["zip"].map(largest)
    members_N = group.map(group.value_counts()).to_numpy(np.float64)
    return near_N.astype(np.float64) ** -_DENSITY_POWER * members_N**-_GROUP_POWER


def systematic_sample(size_N: FloatArray, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], FloatArray]:
    """`count` places with chances in proportion to `size_N`, and their chances (Madow 1949).

    A place whose chance would exceed 1 is taken for certain, and the others share what is left.
    """
    chance_N = np.zeros(len(size_N))
    certain_N = np.zeros(len(size_N), dtype=bool)
    while True:
        left = count - certain_N.sum()
        chance_N = np.where(certain_N, 1.0, left * size_N / size_N[~certain_N].sum())
        if (chance_N <= 1.0).all():
            break
        certain_N |= chance_N >= 1.0
    # The n-th tick lies in the place whose stretch of the summed chances holds it.
    ticks_S = rng.random() + np.arange(count)
    ends_N = np.cumsum(chance_N)
    ends_N *= count / ends_N[-1]
    place_S = np.searchsorted(ends_N, ticks_S, side="right").clip(max=len(size_N) - 1)
    return place_S, chance_N[place_S]
