"""The utterances that an epoch of adaptation draws: only the worst cohorts, or a mixture of them and others.

The rows are `utterance_id, speaker_id, split, cohort`, of train and adapt.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from isogloss.errors import ModelError


def worst_examples(utterances: pd.DataFrame, worst: Collection[str]) -> pd.DataFrame:
    """`utterance_id` of the adaptation utterances of the worst cohorts.

    Raises
    ------
    ModelError
        There is none.
    """
    drawn = utterances[(utterances["split"] == "adapt") & utterances["cohort"].isin(worst)]
    if drawn.empty:
        raise ModelError(
            f"the adapt split has no utterance of the worst cohorts {', '.join(sorted(worst))}; raise "
            f"mitigation.worst_share, or give adapt more speakers"
        )
    return drawn[["utterance_id"]].reset_index(drop=True)


def natural_examples(utterances: pd.DataFrame, *, size: int, draw: np.random.Generator) -> pd.DataFrame:
    """`utterance_id` of `size` adaptation utterances of all cohorts, drawn uniformly; all if there are fewer.

    Raises
    ------
    ModelError
        The adapt split is empty.
    """
    adapt = utterances.loc[utterances["split"] == "adapt", ["utterance_id"]]
    if adapt.empty:
        raise ModelError("the adapt split has no utterance; raise prepare.adapt_share or atlas.adapt_speakers")
    return _pick(adapt, min(size, len(adapt)), draw)


def mixed_examples(
    utterances: pd.DataFrame,
    worst: Collection[str],
    *,
    others: str,
    share: float,
    size: int,
    draw: np.random.Generator,
) -> pd.DataFrame:
    """`utterance_id` of a mixture in which the worst cohorts hold a given share.

    Parameters
    ----------
    others
        The split from which the rest is drawn: `adapt` (only other cohorts) or `train` (all speakers).
    share
        Share of the draws for the worst cohorts' utterances of adapt; numbers of draws per utterance differ by at most
        one.
    size
        Number of all draws.

    Raises
    ------
    ModelError
        No adaptation utterance is of a worst cohort, or there are no other utterances.
    """
    target = worst_examples(utterances, worst)
    rest = utterances[utterances["split"] == others]
    if others == "adapt":
        rest = rest[~rest["cohort"].isin(worst)]
    if rest.empty and share < 1.0:
        raise ModelError(f"the {others} split has nobody outside the worst cohorts to draw beside them")
    of_worst = round(share * size)
    drawn = [_pick(target, of_worst, draw), _pick(rest[["utterance_id"]], size - of_worst, draw)]
    return pd.concat(drawn, ignore_index=True)


def _pick(table: pd.DataFrame, size: int, draw: np.random.Generator) -> pd.DataFrame:
    """`size` rows in random order; the numbers of times that rows occur differ by at most one."""
    rounds = [draw.permutation(len(table)) for _ in range(-(-size // len(table)))] if size else []
    rows = np.concatenate(rounds)[:size] if rounds else np.empty(0, dtype=np.int64)
    return table.iloc[rows].reset_index(drop=True)
