"""The names under which the cohorts of several groupings may be published together.

For each grouping, the figures of its cohorts, their error rates among the speakers that were used to choose them, and
the totals of both are published. The figures of several groupings overlap, since they divide the same speakers. So that
no sum of published figures is about a few speakers, names are decided for all groupings at once
(`suppression.suppress`).

`summary.json` and `assignments.parquet` of a cohort rule are not published: like the audio and the embeddings they stay
with the private data. They hold every cohort as it is, since the choice of cohorts to mitigate must not depend on what
may be shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from isogloss.judging.grouping import Grouping
from isogloss.judging.privacy.suppression import merged_name, suppress


@dataclass(frozen=True)
class ShownNames:
    """For each cohort of one grouping, the name under which its figures may be shown.

    Cohorts with the same name are merged: only figures of all of them together may be shown. If the mappings are empty,
    no figure of the grouping may be shown.
    """

    judged: Mapping[str, str]
    """Shown names by cohort, for the figures of the speakers who are judged."""
    chosen: Mapping[str, str]
    """Shown names by cohort, for the figures of the speakers by which the cohorts were chosen; empty if there are
    none."""

    def itself(self, cohort: str) -> bool:
        """Whether a cohort may be shown separately, with the figures of both kinds of speakers."""
        return _alone(self.judged, cohort) and _alone(self.chosen, cohort)

    def chosen_alone(self, cohort: str) -> bool:
        """Whether a cohort's figure among the speakers who chose it may be shown."""
        return _alone(self.chosen, cohort)

    @property
    def merged(self) -> str | None:
        """The name of the merged cohort; None where nothing was merged."""
        return merged_name(self.judged)

    def members(self, shown: str) -> list[str]:
        """The cohorts that a name stands for."""
        return [cohort for cohort, name in self.judged.items() if name == shown]

    @property
    def withheld(self) -> bool:
        """Whether no two cohorts may be shown separately: nothing may be shown, or all cohorts are merged into one."""
        return not self.judged or (len(self.judged) > 1 and len(set(self.judged.values())) == 1)


def shown_names(
    groupings: Sequence[Grouping],
    speakers: pd.Series,
    choosing: pd.Series | None = None,
    *,
    min_speakers: int,
) -> list[ShownNames]:
    """The names for each grouping of utterances.

    Parameters
    ----------
    groupings
        All groupings that are published together.
    speakers
        Speaker of each row of `Grouping.cohorts`.
    choosing
        Speaker of each row of `Grouping.chosen`, if these are other rows.
    min_speakers
        Smallest number of speakers of a published figure.

    Raises
    ------
    TableError
        There are fewer speakers who are judged. If only those who chose are fewer, no figure of theirs is shown.
    """
    judged, chosen, unnamed = {}, {}, {}
    for number, grouping in enumerate(groupings):
        name = str(number)
        judged[name] = _column(grouping.cohorts)
        unnamed[name] = unnamed[f"{number} chosen"] = grouping.unnamed
        if grouping.chosen is not None:
            chosen[f"{number} chosen"] = _column(grouping.chosen)
    if choosing is None:  # Both are rows of one table, of which one total is published.
        shown = _suppressed(judged | chosen, speakers, min_speakers, unnamed)
    else:  # Two tables, each with its own published total: nothing of one follows from sums of the other.
        shown = _suppressed(judged, speakers, min_speakers, unnamed)
        if choosing.nunique() >= min_speakers:
            shown |= _suppressed(chosen, choosing, min_speakers, unnamed)
    return [
        ShownNames(judged=shown[str(number)], chosen=shown.get(f"{number} chosen", {}))
        for number in range(len(groupings))
    ]


def _suppressed(
    columns: Mapping[str, pd.Series],
    speakers: pd.Series,
    min_speakers: int,
    unnamed: Mapping[str, Collection[str]],
) -> dict[str, dict[str, str]]:
    """The shown names of the groupings of one table."""
    table = pd.DataFrame(columns, index=range(len(speakers)))
    return suppress(table, speakers.reset_index(drop=True), min_speakers=min_speakers, unnamed=unnamed)


def _column(cohorts: pd.Series | pd.DataFrame) -> pd.Series:
    """The cohorts of utterances, numbered from 0."""
    if not isinstance(cohorts, pd.Series):
        raise TypeError("utterances have one column of cohorts; those of trials are shown by privacy.trials")
    return cohorts.reset_index(drop=True)


def _alone(names: Mapping[str, str], cohort: str) -> bool:
    """Whether a name stands for this cohort only."""
    return names.get(cohort) == cohort and list(names.values()).count(cohort) == 1
