"""Splits by speaker: discovery, dev and test are disjoint from each other and from train and adapt.

So results that are chosen on one split are reported on other speakers.


A corpus that brings all five splits (Atlas) keeps them. One that brings some (train and test, perhaps dev) keeps those,
and the others are taken from the speakers of train. Any other is split here, in one of two ways:

- `drawn`: stratum by stratum, where a stratum is a combination of the values of `prepare.stratify_by`. A small stratum
  gives more of its speakers to test, because a cohort of three test speakers can be neither found nor judged.
- `hashed`: by a hash of the speaker's id. Shares hold on average alone, but nobody changes split when speakers are
  added or leave.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from isogloss.config import PrepareParams
from isogloss.errors import CorpusError
from isogloss.tables import SPLITS

UNSPECIFIED = "unspecified"


def assign_splits(utterances: pd.DataFrame, params: PrepareParams) -> pd.Series:
    """A split for each utterance.

    Parameters
    ----------
    utterances
        Columns `utterance_id`, `speaker_id` and, where the corpus has them, `split` and `params.stratify_by`.
    params
        Shares of the speakers, `assignment`, `test_min_speakers` and `train_min_speakers`.

    Returns
    -------
    Split names, aligned with the rows. Where separate adapt speakers would leave train with fewer than
    `train_min_speakers`, adapt takes utterances of train's speakers instead (not where splits are hashed); its
    utterances are then disjoint from train's, its speakers are not.

    Raises
    ------
    CorpusError
        The corpus has too few speakers for five splits, or of train's speakers too few utterances for adapt; the
        sentence says how many are needed for what.
    """
    given = utterances["split"] if "split" in utterances else pd.Series(index=utterances.index, dtype=object)
    if given.notna().all() and set(SPLITS) <= set(given):
        return given
    brought = given.notna().all() and len(given) > 0
    free = given == "train" if brought else pd.Series(True, index=utterances.index)
    wanted = [split for split in SPLITS if not brought or split not in set(given)]
    splits = given.where(~free, _assigned(utterances[free], params, [split for split in wanted if split != "train"]))
    missing = [split for split in SPLITS if split not in set(splits)]
    if missing == ["adapt"] and params.assignment == "drawn" and params.adapt_share > 0:
        raise CorpusError(
            f"adapt gets no utterances: speakers of its own would leave train with fewer than "
            f"{params.train_min_speakers}, and the speakers of train have too few utterances each to share some; lower "
            "prepare.train_min_speakers, or let speakers have more utterances (prepare.speaker_utterances)"
        )
    if missing:
        raise CorpusError(too_few(utterances["speaker_id"].nunique(), missing, params))
    return splits


def with_splits(utterances: pd.DataFrame, params: PrepareParams) -> pd.DataFrame:
    """The table with a split for every row, and with weights that are relative to the split.

    A weight is a speaker's share of the population over their share of the split. So where splits are made here, the
    weights of each are divided by their mean over its speakers; a corpus that brings all five splits keeps its weights.

    Parameters
    ----------
    utterances, params
        As of `assign_splits`, with a column `weight`.

    Raises
    ------
    CorpusError
        As `assign_splits`.
    """
    splits = assign_splits(utterances, params)
    table = utterances.assign(split=splits)
    if not splits.equals(utterances["split"]):
        table["weight"] = table["weight"] / table["split"].map(mean_weights(table))
    return table


def mean_weights(utterances: pd.DataFrame) -> pd.Series:
    """The mean weight of the speakers of each split; a speaker's weight is the mean of their utterances'."""
    return utterances.groupby(["split", "speaker_id"])["weight"].mean().groupby("split").mean()


def speakers_needed(params: PrepareParams, min_speakers: int) -> int:
    """The approximate number of speakers with which each held-out split has `min_speakers`."""
    least = min(params.discovery_share, params.dev_share, params.test_share)
    return int(np.ceil(min_speakers / least)) if least > 0 else 0


def too_few(speakers: int, missing: Sequence[str], params: PrepareParams) -> str:
    """The error message for a corpus that does not fill its splits."""
    least = min(params.discovery_share, params.dev_share, params.test_share)
    needed = int(np.ceil(0.5 / least)) + 1 if least > 0 else 0
    return (
        f"the corpus has {speakers} speakers, too few for splits {', '.join(missing)}: to have one in each takes "
        f"about {max(needed, len(SPLITS))}, and to judge cohorts about 20 speakers of each in test; add speakers, "
        "change the shares in prepare, or judge a recogniser that you have by `isogloss audit`, which needs no splits"
    )


def strata(utterances: pd.DataFrame, columns: str | Sequence[str]) -> pd.DataFrame:
    """One row a speaker with `stratum`, in an order that does not depend on the rows'.

    A stratum is a combination of the values of `columns`, those that the corpus has; a value that is missing is one of
    its own.
    """
    speakers = utterances.drop_duplicates("speaker_id").sort_values("speaker_id")
    named = [columns] if isinstance(columns, str) else list(columns)
    found = [speakers[name].fillna(UNSPECIFIED).astype("str") for name in named if name in speakers]
    stratum = found[0] if len(found) == 1 else pd.Series(UNSPECIFIED, index=speakers.index)
    if len(found) > 1:
        stratum = pd.concat(found, axis=1).agg(" | ".join, axis=1)
    return speakers[["speaker_id"]].assign(stratum=stratum)


def _assigned(utterances: pd.DataFrame, params: PrepareParams, wanted: Sequence[str]) -> pd.Series:
    """Splits of utterances without a given split; splits that are not wanted stay train."""
    random = np.random.default_rng(params.seed)
    speakers = strata(utterances, params.stratify_by)
    if params.assignment == "hashed":
        hashed = {speaker: _hashed(speaker, params, wanted) for speaker in utterances["speaker_id"].unique()}
        return _with_rare(utterances, utterances["speaker_id"].map(hashed), speakers, params, random)
    split_of: dict[str, str] = {}
    for _, stratum in speakers.groupby("stratum", sort=True):
        names = random.permutation(stratum["speaker_id"].to_numpy())
        counts = _held_out_counts(len(names), params)
        held_out = [split for split, count in counts.items() if split in wanted for _ in range(count)]
        split_of.update(zip(names, held_out + ["train"] * (len(names) - len(held_out)), strict=True))
    _fill_short(split_of, params, [split for split in wanted if split != "adapt"], random)
    splits = utterances["speaker_id"].map(split_of)
    if "adapt" in wanted:
        splits = _with_adapt(utterances, splits, split_of, params, random)
    return _with_rare(utterances, splits, speakers, params, random)


def _with_rare(
    utterances: pd.DataFrame,
    splits: pd.Series,
    speakers: pd.DataFrame,
    params: PrepareParams,
    random: np.random.Generator,
) -> pd.Series:
    """The splits with the speakers of train that are too many for `params.train_shares` moved to adapt."""
    if not params.train_shares:
        return splits
    learning = sorted(utterances.loc[splits == "train", "speaker_id"].unique())
    surplus = _beyond_their_share(learning, speakers, params, random)
    return splits.where(~utterances["speaker_id"].isin(surplus), "adapt")


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


def _fill_short(
    split_of: dict[str, str], params: PrepareParams, wanted: Sequence[str], random: np.random.Generator
) -> None:
    """Fill splits to their share with speakers of train, if rounding left them less than half of it.

    This happens where most strata are small: each gives a whole number of speakers, which may be 0.
    """
    for split in wanted:
        train = sorted(speaker for speaker, of in split_of.items() if of == "train")
        due = max(1, round(getattr(params, f"{split}_share") * len(split_of)))
        lacking = due - sum(of == split for of in split_of.values())
        if lacking > due / 2 and len(train) > len(SPLITS):
            split_of.update(dict.fromkeys(random.permutation(train)[:lacking], split))


def _with_adapt(
    utterances: pd.DataFrame,
    splits: pd.Series,
    split_of: dict[str, str],
    params: PrepareParams,
    random: np.random.Generator,
) -> pd.Series:
    """The splits, with adapt taken from train: speakers if there are enough, else utterances."""
    train = sorted(speaker for speaker, split in split_of.items() if split == "train")
    adapt_count = round(params.adapt_share * len(split_of))
    if len(train) - adapt_count >= params.train_min_speakers:
        adapt = set(random.permutation(train)[:adapt_count])
        return splits.where(~utterances["speaker_id"].isin(adapt), "adapt")
    share = adapt_count / max(len(train), 1)
    learnt = utterances[splits == "train"].sort_values("utterance_id")
    adapt_rows = learnt.groupby("speaker_id").sample(frac=min(share, 0.5), random_state=params.seed).index
    return splits.where(~utterances.index.isin(adapt_rows), "adapt")


def _hashed(speaker: str, params: PrepareParams, wanted: Sequence[str]) -> str:
    """The split of a speaker, by a number from 0 to 1 that is a hash of their id and the seed."""
    digest = hashlib.sha256(f"{params.seed} {speaker}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    for split in ("test", "discovery", "dev", "adapt"):
        at -= getattr(params, f"{split}_share")
        if at < 0:
            return split if split in wanted else "train"
    return "train"


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
