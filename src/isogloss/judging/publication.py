"""Under which names the cohorts of several rules may leave the machine together.

What is published of a rule are the figures of its cohorts on test, their error rate on discovery, and the totals of
both splits; what is published of several rules overlaps, since they divide the same speakers. So that no sum of
published figures is about a few speakers, names are settled for all rules and both splits at once
(`isogloss.judging.privacy.suppress`).

`summary.json` and `assignments.parquet` are no publication: like the audio and the embeddings they stay with the
private data, and hold every cohort as it is, since the choice of whom to mitigate must not depend on what may be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from isogloss.judging.privacy import OTHER, suppress

RuleName = TypeVar("RuleName", bound=str)

SPLITS_SHOWN = ("discovery", "test")


@dataclass(frozen=True)
class ShownNames:
    """Of each cohort of one rule, the name under which its figures on a split may be shown.

    Several cohorts of one name are merged: only figures of all of them together may be shown.
    """

    discovery: Mapping[str, str]
    test: Mapping[str, str]

    def itself(self, cohort: str) -> bool:
        """Whether a cohort may be shown for itself, with the figures of both splits."""
        return self.alone("discovery", cohort) and self.alone("test", cohort)

    def alone(self, split: str, cohort: str) -> bool:
        """Whether a cohort may be shown for itself on one split."""
        names: Mapping[str, str] = getattr(self, split)
        return names.get(cohort) == cohort and list(names.values()).count(cohort) == 1

    def discovery_figures(self, summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Of each cohort of a summary.json its rank on discovery, and its error rate there or None if it is hidden."""
        return {
            entry["cohort"]: {
                "wer": entry["discovery"]["wer"] if self.alone("discovery", entry["cohort"]) else None,
                "rank": entry["wer_rank"],
            }
            for entry in summary["cohorts"]
        }


def shown_names(
    assignments: Mapping[RuleName, pd.DataFrame], utterances: pd.DataFrame, *, min_speakers: int
) -> dict[RuleName, ShownNames]:
    """The names for each rule.

    Parameters
    ----------
    assignments
        Of each rule that is published, `utterance_id` and `cohort` of at least the rows of discovery and test.
    utterances
        `utterance_id`, `speaker_id`, `split`; rows of other splits are left aside.
    min_speakers
        Fewest speakers that a published figure may be about.

    Raises
    ------
    TableError
        Discovery and test together have fewer speakers than that.
    """
    rows = utterances[utterances["split"].isin(SPLITS_SHOWN)]
    groupings = pd.DataFrame({"split": rows["split"].to_numpy(object)})
    for rule, table in assignments.items():
        cohorts = table.set_index("utterance_id")["cohort"].reindex(rows["utterance_id"]).to_numpy(object)
        for split in SPLITS_SHOWN:
            groupings[f"{rule}/{split}"] = pd.Series(cohorts, dtype=object).where(groupings["split"] == split)
    shown = suppress(groupings, rows["speaker_id"].reset_index(drop=True), min_speakers=min_speakers)
    return {
        rule: ShownNames(
            **{split: _or_total(shown[f"{rule}/{split}"], groupings[f"{rule}/{split}"]) for split in SPLITS_SHOWN}
        )
        for rule in assignments
    }


def _or_total(names: Mapping[str, str], cohorts: pd.Series) -> Mapping[str, str]:
    """The names; where nothing of a grouping may be published, one for all, whose figures are those of the split."""
    return names or {str(cohort): OTHER for cohort in sorted(cohorts.dropna().unique())}
