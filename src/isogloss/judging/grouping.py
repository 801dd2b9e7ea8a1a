"""A division of utterances or trials into cohorts, the input of `judging.compare`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from isogloss.judging.grouping_figures import Divisions
from isogloss.judging.record import Interval, Rectangle

UNSPECIFIED = "unspecified"
"""The cohort of rows without a known value; the cohort rules use the same name."""


@dataclass(frozen=True)
class Ranked:
    """Rank and rate of a cohort among the speakers that were used to choose the cohorts."""

    rank: int
    """Rank by error rate; 1 is the worst."""
    rate: float | None = None
    ci95: Interval | None = None


@dataclass(frozen=True)
class Grouping:
    """The cohort of each row, and what is known of the cohorts before they are judged."""

    name: str
    cohorts: pd.Series | pd.DataFrame
    """Cohort of each judged utterance, by position; NaN for utterances outside the grouping. For trials, the cohorts of
    both sides: columns `enrol` and `test`."""
    title: str = ""
    """Readable name of the grouping; if it is empty, `name` is shown."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Readable names of cohorts."""
    chosen: pd.Series | pd.DataFrame | None = None
    """The cohorts of the rows on which cohorts were chosen: rows of `discovery` if `compare` gets it, else other rows
    of the judged table. None if cohorts were not chosen."""
    ranked: Mapping[str, Ranked] = field(default_factory=dict)
    """Rank and rate of each cohort on the rows of `chosen`; for trials they are computed from the scores."""
    mitigated: Collection[str] = ()
    """Cohorts to which the second system was adapted."""
    rectangles: Mapping[str, Sequence[Rectangle]] = field(default_factory=dict)
    """The areas of ranked cohorts on the map, by cohort."""
    unnamed: Collection[str] = (UNSPECIFIED,)
    """Cohorts of speakers whose value is unknown (`unspecified`): no headline names them, and they are hidden first."""
    split: str = ""
    """Name of the set of speakers that the figures are of; if it is empty, the document's split."""
    divisions: Divisions | None = None
    """The result of the rule over several divisions of the speakers; None if there was only one."""
