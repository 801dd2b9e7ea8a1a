"""The figures of a document about one division of the speakers: its cohorts, and how far they lie apart."""

from typing import Annotated

from pydantic import Field

from isogloss.judging.cohort_figures import Change, CohortFigures, OverallFigures
from isogloss.judging.record import Count, Interval, Probability, Record, Rectangle


class Difference(Record):
    """The distance of two cohorts' rates, in rates."""

    before: float
    before_ci95: Interval | None = None
    after: float | None = None
    after_ci95: Interval | None = None
    change: float | None = None
    ci95: Interval | None = None
    """Of `change`."""


class SpreadFigures(Record):
    """How far the cohorts lie apart: over those with inference if there are several, else over all."""

    cohorts: list[str]
    """The cohorts that were counted, each once."""
    mean: Change
    max: Change
    variance: Change
    standard_deviation: Change | None = None
    relative_gap: Change
    """(worst - best) / best, the worst and the best by their rank on discovery."""
    gap: Difference | None = None
    """Where there are two cohorts (verification)."""


class Side(Record):
    """Bottom or top cohort on one split."""

    rate: float | None
    ci95: Interval | None
    speakers: Count
    share_of_speakers: float
    """Of the split's speakers, each with their weight in the population."""
    share_of_words: float
    """Of the split's reference words, weighted likewise."""


class SplitGap(Record):
    """Bottom and top cohort on one split, and the relative gap between them."""

    bottom: Side
    top: Side
    relative_gap: float | None
    relative_gap_ci95: Interval | None


class GapFigures(Record):
    """The worst and the best cohort by their rank on discovery, on discovery and on test."""

    bottom: str
    top: str
    discovery: SplitGap
    test: SplitGap


class Region(Record):
    """The part of the map that a cohort holds, shown or not."""

    cohort: str
    rank: int
    """On discovery, 1 the worst."""
    rectangles: Annotated[list[Rectangle], Field(min_length=1)]


class Hidden(Record):
    """What was merged for privacy."""

    cohorts: int = 0
    """How many cohorts were merged into one."""
    merged: str | None = None
    """The name of that one."""


class Omnibus(Record):
    """One test of whether the cohorts differ at all."""

    cohorts: int
    p: Probability
    permutations: int


class Divisions(Record):
    """The cohort that a rule chose as the worst on one half of the speakers, on the other half, over many halvings."""

    divisions: Count
    judged: Count
    """Divisions in which both sides had enough speakers."""
    higher: Count
    """Those in which the chosen cohort had the higher rate on the other half as well."""
    ratio: float | None
    """Median over divisions of the cohort's rate over that of all others."""
    tenths: Interval | None
    """Of the ratio, over divisions: the first and the last tenth; no confidence interval."""
    p: Probability
    """Of "the chosen cohort is not served worse": twice the median over divisions."""


class GroupingFigures(Record):
    """A division of the speakers into cohorts."""

    name: str
    """The cohort rule, or the column."""
    title: str
    discovered: bool = False
    """Whether other speakers than those judged here ranked the cohorts."""
    split: str
    """The speakers that the figures are of."""
    withheld: str | None = None
    """Why no cohort may be shown."""
    found: Count
    """Cohorts that there are, hidden ones included."""
    speakers: Count | None = None
    utterances: Count | None = None
    words: Count | None = None
    overall: OverallFigures | None = None
    """Of the speakers of this grouping, where they are not those of the whole document."""
    cohorts: list[CohortFigures] = []
    """The worst first: on discovery where the cohorts were ranked there; what was merged comes last."""
    spread: SpreadFigures | None = None
    other_spread: SpreadFigures | None = None
    """The spread under the other estimand."""
    gap: GapFigures | None = None
    worst_cohort_by_discovery: str | None = None
    """None where the worst one is hidden: the runner-up is another cohort."""
    worst_cohort_by_test: str | None = None
    harmed_cohorts: list[str] = []
    """Whose rate rose from the first to the second system, significantly after Holm's adjustment."""
    other_harmed_cohorts: list[str] = []
    """The same under the other estimand."""
    not_measurable: list[str] = []
    hidden: Hidden = Hidden()
    regions: list[Region] = []
    omnibus: Omnibus | None = None
    divisions: Divisions | None = None
    """Of a rule whose cohorts were searched for in several divisions of the speakers."""
    test: str = ""
    """Names the intervals and tests."""

    @property
    def worse_cohorts(self) -> list[CohortFigures]:
        """The cohorts that the first system serves significantly worse than all others, the surest first.

        The surest is the one with the highest lower bound of the ratio to all others.
        """
        found = [one for one in self.cohorts if one.rest is not None and one.rest.worse]
        return sorted(found, key=lambda one: one.least_ratio, reverse=True)

    def cohort(self, name: str) -> CohortFigures:
        """A cohort by its name."""
        return next(one for one in self.cohorts if one.cohort == name)
