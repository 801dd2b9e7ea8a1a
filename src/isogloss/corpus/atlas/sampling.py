"""Which people become speakers of which split, and what each of them stands for.

Train and adapt follow the population: their dialects have its shares, by largest remainder rather than by luck, so
that a rare one is rare but there. Discovery, dev and test follow it as well, with rare dialects topped up: were every
dialect as frequent as every other, one weighted speaker of a frequent dialect would outweigh a region of rare ones,
and no weighted figure of a region would hold from one split to the next. The weight of a speaker is their
dialect's share of the population over its share of the split: weighted figures are population figures, and the mean
weight of a split is 1.
"""

import numpy as np
import pandas as pd

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.description import Description
from isogloss.errors import ParamsError
from isogloss.tables import SPLITS

FEWEST_SPEAKERS = 2
"""Fewest speakers of a dialect in any split that follows the population."""


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


def plan_splits(params: AtlasParams, description: Description) -> dict[str, dict[str, int]]:
    """How many speakers of each dialect each split has.

    Raises
    ------
    ParamsError
        A split that follows the population is too small to hold every dialect.
    """
    shares = {name: dialect.share for name, dialect in description.dialects.items()}
    fewest = FEWEST_SPEAKERS * len(shares)
    for key in ("train_speakers", "adapt_speakers"):
        if getattr(params, key) < fewest:
            raise ParamsError(
                f"atlas.{key} is {getattr(params, key)}, but must be at least {fewest}: "
                f"{FEWEST_SPEAKERS} speakers of each of {len(shares)} dialects"
            )
    sizes = {
        "discovery": (params.discovery_speakers, params.min_speakers_per_dialect),
        "dev": (params.dev_speakers, params.dev_min_speakers_per_dialect),
        "test": (params.test_speakers, params.min_speakers_per_dialect),
    }
    plan = {
        "train": largest_remainder(shares, params.train_speakers, at_least=FEWEST_SPEAKERS),
        "adapt": largest_remainder(shares, params.adapt_speakers, at_least=FEWEST_SPEAKERS),
        **{
            split: {name: max(round(share * size), at_least) for name, share in shares.items()}
            for split, (size, at_least) in sizes.items()
        },
    }
    return {split: plan[split] for split in SPLITS}


def population_size(plan: dict[str, dict[str, int]], description: Description) -> int:
    """How many people to draw so that even the rarest dialect has twice the speakers that the plan asks for."""
    needed = {name: sum(counts[name] for counts in plan.values()) for name in description.dialects}
    scarcest = max(needed[name] / dialect.share for name, dialect in description.dialects.items())
    return max(20 * description.map.zips, 40_000, int(2 * scarcest))


def draw_speakers(
    people: pd.DataFrame, plan: dict[str, dict[str, int]], description: Description, rng: np.random.Generator
) -> pd.DataFrame:
    """The people who speak, with `speaker_id`, `split` and `weight`; ids are numbers in random order."""
    shares = {name: dialect.share for name, dialect in description.dialects.items()}
    chosen = []
    shuffled = people.iloc[rng.permutation(len(people))]
    for dialect, members in shuffled.groupby("dialect", sort=True):
        name = str(dialect)
        start = 0
        for split, counts in plan.items():
            weight = shares[name] / (counts[name] / sum(counts.values()))
            chosen.append(members.iloc[start : start + counts[name]].assign(split=split, weight=weight))
            start += counts[name]
    speakers = pd.concat(chosen, ignore_index=True)
    speakers = speakers.iloc[rng.permutation(len(speakers))].reset_index(drop=True)
    digits = max(4, len(str(len(speakers))))
    speakers.insert(0, "speaker_id", [f"s{number:0{digits}d}" for number in range(1, len(speakers) + 1)])
    return speakers
