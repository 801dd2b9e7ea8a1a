"""The choice of the worst cohorts, which mitigation adapts to."""

import math
from collections.abc import Mapping
from typing import Any

from isogloss.errors import ParamsError


def worst_cohorts(summary: Mapping[str, Any], share: float) -> list[str]:
    """The worst cohorts by their rank on discovery, as many as hold `share` of its speakers.

    There is at least one, and never all, since the effect on the remaining speakers is measured too.

    Parameters
    ----------
    summary
        A rule's summary.json.
    share
        Of the speakers of discovery (summed over cohorts), in (0, 1].

    Raises
    ------
    ParamsError
        The rule found a single cohort, so that there is no worst one.
    """
    ranked = {entry["cohort"]: entry["discovery"]["speakers"] for entry in summary["cohorts"]}
    worst = list(summary["worst"])
    if len(worst) < 2:
        raise ParamsError(
            f"mitigation.rule is {summary['rule']!r}, but that rule found {len(worst)} cohort on discovery, so none is "
            "worse than the others; let it find more (smaller min_speakers, another rule)"
        )
    wanted = math.ceil(share * sum(ranked[cohort] for cohort in worst) - 1e-9)
    chosen: list[str] = []
    held = 0
    for cohort in worst[:-1]:
        chosen.append(cohort)
        held += ranked[cohort]
        if held >= wanted:
            break
    return chosen
