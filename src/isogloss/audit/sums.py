"""Rows of the same speaker, cohort and weight are summed before anything is judged.

Whatever is estimated or tested is made of sums over speakers and cohorts, so that nothing changes, and a million rows
become some ten thousand.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from isogloss.judging.word_errors import ERROR_COLUMNS


@dataclass(frozen=True)
class Summed:
    """Result tables whose rows are sums, with the column `cohort`, and the utterances of each cohort."""

    before: pd.DataFrame
    after: pd.DataFrame | None
    utterances: dict[str, int]


def summed(before: pd.DataFrame, after: pd.DataFrame | None, cohorts: pd.Series) -> Summed:
    """Sum the rows that have a cohort.

    Parameters
    ----------
    before, after
        speaker_id, weight, words, substitutions, deletions, insertions; in the same order.
    cohorts
        Of each row, by position; rows with NaN are left out.
    """
    known = cohorts.notna().to_numpy()
    codes = [pd.factorize(values[known].to_numpy(), sort=True) for values in (before["speaker_id"], cohorts)]
    (speaker_N, speakers), (cohort_N, names) = codes
    weight_N, weights = pd.factorize(before["weight"].to_numpy()[known], sort=True)
    key_N = (speaker_N * len(names) + cohort_N) * len(weights) + weight_N
    keys, row_N = np.unique(key_N, return_inverse=True)
    shared = pd.DataFrame(
        {
            "utterance_id": np.arange(len(keys)),
            "speaker_id": speakers[keys // (len(names) * len(weights))],
            "cohort": names[keys // len(weights) % len(names)],
            "weight": weights[keys % len(weights)],
        }
    )
    sides = []
    for table in (before, after):
        if table is None:
            continue
        sums = {
            column: np.bincount(row_N, table[column].to_numpy()[known], minlength=len(keys)).astype(np.int64)
            for column in ("words", *ERROR_COLUMNS)
        }
        sides.append(shared.assign(**sums))
    counts = np.bincount(cohort_N, minlength=len(names))
    return Summed(
        sides[0], sides[1] if len(sides) > 1 else None, dict(zip(map(str, names), counts.tolist(), strict=True))
    )
