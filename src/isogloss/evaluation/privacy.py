"""Small cohorts are merged before anything is written, so that no figure is about a handful of speakers.

A single hidden cohort could be computed from the total and the cohorts that are shown. So hidden cohorts are
merged into one, and where that would consist of one cohort, or still of too few speakers, the smallest shown
cohort joins it (complementary suppression).
"""

from collections.abc import Mapping

import pandas as pd

OTHER = "other"
"""Name of the merged cohort, with an underscore more if a cohort bears it."""


def merge_small_cohorts(cohorts: pd.Series, speakers: pd.Series, *, min_speakers: int) -> dict[str, str]:
    """Under which name each cohort is shown: its own, or that of the merged one.

    Parameters
    ----------
    cohorts, speakers
        Cohort and speaker of each row, in the same order. A speaker may be in several cohorts.
    min_speakers
        Fewest speakers of a cohort that is shown by itself.

    Returns
    -------
    A name for each cohort. All names are the cohorts' own if none is too small, or if there is a single
    cohort, which is the total.
    """
    members = {
        str(name): frozenset(rows) for name, rows in speakers.groupby(cohorts.to_numpy(), sort=True, observed=True)
    }
    by_size = sorted(members, key=lambda name: (len(members[name]), name))
    hidden = [name for name in by_size if len(members[name]) < min_speakers]
    if not hidden or len(members) == 1:
        return {name: name for name in members}
    for name in by_size[len(hidden) :]:
        if len(hidden) > 1 and len(frozenset().union(*(members[h] for h in hidden))) >= min_speakers:
            break
        hidden.append(name)
    other = OTHER
    while other in members and other not in hidden:
        other += "_"
    return {name: other if name in hidden else name for name in members}


def merged_name(shown: Mapping[str, str]) -> str | None:
    """The name of the merged cohort in what `merge_small_cohorts` returned; None where nothing was merged."""
    names = list(shown.values())
    return next((name for name in names if names.count(name) > 1), None)
