"""Error rates of a verifier within and across recordings, which show whether it recognises voices or channels.

Two utterances of one recording share its channel and noise, so a verifier that uses these accepts them easily. The
error rate across recordings is the one that matters for a returning speaker. The hard list has these targets, and only
the non-targets within a group, such as one gender.
"""

from typing import Any

import numpy as np
import pandas as pd

from isogloss.judging.verification.errors import equal_error_rate
from isogloss.judging.verification.lists import SIDES
from isogloss.tables import require_columns

LISTS = ("all", "within-recording", "across-recordings", "hard")


def lists_by_recording(
    trials: pd.DataFrame, utterances: pd.DataFrame, *, hard: str | None = None
) -> dict[str, pd.DataFrame]:
    """The trials, and parts of them by recording (`LISTS`); parts without targets or non-targets are left out.

    Parameters
    ----------
    trials
        As `lists.with_groups` gives them, so with `enrol_<hard>` and `test_<hard>` where `hard` is given.
    utterances
        `utterance_id, recording_id`.
    hard
        The grouping within which the hard list's non-targets are.
    """
    require_columns(utterances, ("utterance_id", "recording_id"), where="the utterances")
    recording = utterances.set_index("utterance_id")["recording_id"]
    sides = [trials[f"{side}_id"].map(recording).to_numpy() for side in SIDES]
    target_N, same_N = trials["target"].to_numpy(bool), sides[0] == sides[1]
    found = {
        "all": trials,
        "within-recording": trials[~target_N | same_N],
        "across-recordings": trials[~target_N | ~same_N],
    }
    if hard is not None:
        require_columns(trials, [f"{side}_{hard}" for side in SIDES], where="the trials")
        alike_N = (trials[f"enrol_{hard}"] == trials[f"test_{hard}"]).to_numpy()
        found["hard"] = trials[(target_N & ~same_N) | (~target_N & alike_N)]
    return {name: part.reset_index(drop=True) for name, part in found.items() if part["target"].nunique() == 2}


def rates_by_recording(parts: dict[str, pd.DataFrame], weights: pd.Series) -> dict[str, dict[str, Any]]:
    """Equal error rates of each list of `lists_by_recording`, before and after, with the numbers of its trials.

    Parameters
    ----------
    parts
        Lists with `score_before` and `score`.
    weights
        Weight of each speaker; a target weighs that of its speaker, a non-target the product of its two.
    """
    rates = {}
    for name, part in parts.items():
        weight_N = part["enrol_speaker"].map(weights).to_numpy(np.float64)
        other_N = part["test_speaker"].map(weights).to_numpy(np.float64)
        weight_N = np.where(part["target"], weight_N, weight_N * other_N)
        rates[name] = {
            "targets": int(part["target"].sum()),
            "nontargets": int((~part["target"]).sum()),
            "before": equal_error_rate(part["score_before"], part["target"], weight_N),
            "after": equal_error_rate(part["score"], part["target"], weight_N),
        }
    return rates
