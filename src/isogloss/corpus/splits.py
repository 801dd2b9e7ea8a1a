"""Splits by speaker: discovery, dev and test are disjoint from each other and from train and adapt (DESIGN: what is
chosen on one split is reported on another).

A corpus that brings splits (Atlas) keeps them. Any other is split here, stratum by stratum, where a stratum is a value
of `prepare.stratify_by`; a small stratum gives more of its speakers to test, because a cohort of three test speakers
can be neither found nor judged.
"""

import numpy as np
import pandas as pd

from isogloss.config import PrepareParams
from isogloss.errors import CorpusError
from isogloss.tables import SPLITS

UNSPECIFIED = "unspecified"


def assign_splits(utterances: pd.DataFrame, params: PrepareParams) -> pd.Series:
    """A split for each utterance of a corpus that has none.

    Parameters
    ----------
    utterances
        Columns `utterance_id`, `speaker_id` and, where the corpus has it, `params.stratify_by`.
    params
        Shares of the speakers, `test_min_speakers` and `train_min_speakers`.

    Returns
    -------
    Split names, aligned with the rows. Where separate adapt speakers would leave train with fewer than
    `train_min_speakers`, adapt takes utterances of train's speakers instead; its utterances are then disjoint from
    train's, its speakers are not.

    Raises
    ------
    CorpusError
        The corpus has too few speakers for five splits.
    """
    random = np.random.default_rng(params.seed)
    speakers = _strata(utterances, params.stratify_by)
    split_of: dict[str, str] = {}
    for _, stratum in speakers.groupby("stratum", sort=True):
        names = random.permutation(stratum["speaker_id"].to_numpy())
        counts = _held_out_counts(len(names), params)
        held_out = [split for split, count in counts.items() for _ in range(count)]
        split_of.update(zip(names, held_out + ["train"] * (len(names) - len(held_out)), strict=True))
    train = sorted(speaker for speaker, split in split_of.items() if split == "train")
    adapt_count = round(params.adapt_share * len(split_of))
    splits = utterances["speaker_id"].map(split_of)
    if len(train) - adapt_count >= params.train_min_speakers:
        adapt = set(random.permutation(train)[:adapt_count])
        splits = splits.where(~utterances["speaker_id"].isin(adapt), "adapt")
    else:
        share = adapt_count / max(len(train), 1)
        learnt = utterances[splits == "train"].sort_values("utterance_id")
        adapt_rows = learnt.groupby("speaker_id").sample(frac=min(share, 0.5), random_state=params.seed).index
        splits = splits.where(~utterances.index.isin(adapt_rows), "adapt")
    if params.train_shares:
        learning = sorted(utterances.loc[splits == "train", "speaker_id"].unique())
        surplus = _beyond_their_share(learning, speakers, params, random)
        splits = splits.where(~utterances["speaker_id"].isin(surplus), "adapt")
    missing = [split for split in SPLITS if split not in set(splits)]
    if missing:
        raise CorpusError(
            f"the corpus has {len(split_of)} speakers, too few for splits {', '.join(missing)}; add speakers or "
            f"change the shares in prepare"
        )
    return splits


def _strata(utterances: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row a speaker with the stratum they belong to, in an order that does not depend on the rows'."""
    speakers = utterances.drop_duplicates("speaker_id").sort_values("speaker_id")
    stratum = speakers[column].fillna(UNSPECIFIED) if column in speakers else UNSPECIFIED
    return speakers[["speaker_id"]].assign(stratum=stratum)


def _beyond_their_share(
    train: list[str], speakers: pd.DataFrame, params: PrepareParams, random: np.random.Generator
) -> set[str]:
    """The speakers of train that are too many for `params.train_shares`."""
    stratum = speakers.set_index("speaker_id")["stratum"].loc[train]
    surplus: set[str] = set()
    for value, share in params.train_shares.items():
        of_value = sorted(stratum.index[stratum == value])
        if not of_value:
            raise CorpusError(
                f"prepare.train_shares names {value!r}, but no speaker of train has that {params.stratify_by}; there "
                f"are {', '.join(sorted(set(stratum)))}"
            )
        others = int((~stratum.isin(list(params.train_shares))).sum())
        kept = round(share * others / (1.0 - sum(params.train_shares.values())))
        surplus |= {str(one) for one in random.permutation(of_value)[kept:]}
    return surplus


def _held_out_counts(speakers: int, params: PrepareParams) -> dict[str, int]:
    """How many speakers of one stratum go to test, discovery and dev.

    Test is served first; what it takes beyond its share stops at two fifths of the stratum.
    """
    wanted = round(params.test_share * speakers)
    test = max(wanted, min(params.test_min_speakers, int(0.4 * speakers)))
    rest = speakers - test
    scale = rest / (speakers * (1.0 - params.test_share))
    discovery = round(params.discovery_share * speakers * min(scale, 1.0))
    dev = round(params.dev_share * speakers * min(scale, 1.0))
    return {"test": test, "discovery": discovery, "dev": dev}
