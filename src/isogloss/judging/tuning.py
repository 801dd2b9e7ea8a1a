"""Error rates of an adapted system on dev, by which its options are chosen without using test."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from isogloss.config import Params
from isogloss.judging.system import Rule
from isogloss.judging.word_errors import known_rate
from isogloss.judging.worst import worst_cohorts


def dev_figures_of(
    base: pd.DataFrame, after: pd.DataFrame, rules: Mapping[str, Rule], params: Params
) -> dict[str, Any]:
    """`dev_figures` of an adapted system: the content of its dev.json."""
    rule = rules[params.mitigation.rule]
    worst = worst_cohorts(rule.summary, params.mitigation.worst_share)
    return dev_figures(base, after, rule.assignments, worst, min_speakers=params.privacy.min_speakers)


def dev_figures(
    before: pd.DataFrame,
    after: pd.DataFrame,
    assignments: pd.DataFrame,
    worst: Collection[str],
    *,
    min_speakers: int = 1,
) -> dict[str, Any]:
    """Word error rates on dev, of all speakers and of the cohorts that were mitigated.

    Parameters
    ----------
    before, after
        Result tables of the base and of the adapted system; rows of other splits than dev are ignored.
    assignments
        `utterance_id, cohort`.
    worst
        The cohorts that were mitigated.
    min_speakers
        Fewest speakers that a figure may be about.

    Returns
    -------
    `overall` and `worst`, each with `before` and `after`; None where dev has fewer than `min_speakers` speakers
    altogether, or of the worst cohorts, or of the others, whose figure is the difference; and None over no words.
    """
    members = set(assignments.loc[assignments["cohort"].isin(worst), "utterance_id"])
    figures: dict[str, Any] = {"split": "dev", "overall": {}, "worst": {}}
    for name, table in (("before", before), ("after", after)):
        dev = table[table["split"] == "dev"]
        of_worst = dev[dev["utterance_id"].isin(members)]
        figures["overall"][name] = known_rate(dev) if dev["speaker_id"].nunique() >= min_speakers else None
        speakers = [set(rows["speaker_id"]) for rows in (of_worst, dev.drop(of_worst.index))]
        told = len(speakers[0]) >= min_speakers and (not speakers[1] or len(speakers[1]) >= min_speakers)
        figures["worst"][name] = known_rate(of_worst) if len(of_worst) and told else None
    return figures
