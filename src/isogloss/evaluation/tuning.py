"""What dev says of an adapted system: the two figures by which its options are chosen, before anybody looks at test."""

from collections.abc import Collection
from typing import Any

import pandas as pd

from isogloss.evaluation.word_errors import error_rate


def dev_figures(
    before: pd.DataFrame, after: pd.DataFrame, assignments: pd.DataFrame, worst: Collection[str]
) -> dict[str, Any]:
    """Word error rates on dev, of everybody and of the cohorts that were mitigated.

    Parameters
    ----------
    before, after
        Result tables of the base and of the adapted system; rows of other splits than dev are left aside.
    assignments
        `utterance_id, cohort`.
    worst
        The cohorts that were mitigated.

    Returns
    -------
    `overall` and `worst`, each with `before` and `after`; None where dev has nobody of the worst cohorts.
    """
    members = set(assignments.loc[assignments["cohort"].isin(worst), "utterance_id"])
    figures: dict[str, Any] = {"split": "dev", "overall": {}, "worst": {}}
    for name, table in (("before", before), ("after", after)):
        dev = table[table["split"] == "dev"]
        of_worst = dev[dev["utterance_id"].isin(members)]
        figures["overall"][name] = error_rate(dev)
        figures["worst"][name] = error_rate(of_worst) if len(of_worst) else None
    return figures
