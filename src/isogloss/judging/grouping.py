"""A division of utterances or trials into cohorts, as it is handed to `judging.compare`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from isogloss.judging.grouping_figures import Divisions
from isogloss.judging.record import Interval, Rectangle

UNSPECIFIED = "unspecified"
"""The cohort of rows of which nothing is known (what the cohort rules call it too)."""


@dataclass(frozen=True)
class Ranked:
    """A cohort among the speakers who chose the cohorts."""

    rank: int
    """1 is the worst."""
    rate: float | None = None
    ci95: Interval | None = None


@dataclass(frozen=True)
class Grouping:
    """Who is in which cohort, and what is known of the cohorts beforehand."""

    name: str
    cohorts: pd.Series | pd.DataFrame
    """Cohort of each utterance that is judged, by position; NaN where the grouping says nothing of it. Of trials, the
    cohorts of both sides: columns `enrol` and `test`."""
    title: str = ""
    """For readers; the name where it is empty."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Readable names of cohorts."""
    chosen: pd.Series | pd.DataFrame | None = None
    """The same for the rows that chose the cohorts: of the table `discovery` where `compare` is given one, else of the
    table that is judged (another part of it)."""
    ranked: Mapping[str, Ranked] = field(default_factory=dict)
    """What the rows that chose say of each cohort; worked out from the scores where trials are compared."""
    mitigated: Collection[str] = ()
    """Cohorts to which the second system was adapted."""
    rectangles: Mapping[str, Sequence[Rectangle]] = field(default_factory=dict)
    """The regions of ranked cohorts."""
    unnamed: Collection[str] = (UNSPECIFIED,)
    """Cohorts of speakers whose value is unknown (`unspecified`): no headline names them, and they are hidden first."""
    split: str = ""
    """The speakers that the figures are of; the document's split where it is empty."""
    divisions: Divisions | None = None
    """What a rule found in several divisions of the speakers."""
