"""Error rates on dev, for methods that choose their options by them."""

import math
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from isogloss.config import Params
from isogloss.errors import ModelError
from isogloss.inference.transcribe import transcribe
from isogloss.judging.word_errors import error_rate
from isogloss.mitigation.strategy import DevRates
from isogloss.recognizers import Recognizer


def dev_rates(
    recognizer: Recognizer,
    utterances: pd.DataFrame,
    assignments: pd.DataFrame,
    worst: Collection[str],
    params: Params,
    *,
    data: Path,
) -> DevRates:
    """Word error rates on dev, of all speakers and of the cohorts that are mitigated.

    Parameters
    ----------
    utterances
        The metadata table of all splits.
    assignments
        `utterance_id, cohort` of the rule.
    worst
        The cohorts that are mitigated.

    Raises
    ------
    ModelError
        Dev has no reference word of a worst cohort.
    """
    cohorts = dict(zip(assignments["utterance_id"], assignments["cohort"], strict=True))
    table = transcribe(
        recognizer,
        utterances,
        ["dev"],
        data=data,
        threads=params.mitigation.threads,
        decoding=params.decoding,
        cohorts=cohorts,
        steps=params.text.steps,
    )
    overall, of_worst = error_rate(table), error_rate(table[table["utterance_id"].map(cohorts).isin(worst)])
    if math.isnan(of_worst):
        raise ModelError(
            f"dev has no words of the worst cohorts {', '.join(sorted(worst))}, by which a method chooses; give "
            "dev more speakers, or raise mitigation.worst_share"
        )
    return DevRates(overall=overall, worst=of_worst)
