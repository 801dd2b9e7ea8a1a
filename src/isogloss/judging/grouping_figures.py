"""The figures of a document about one division of the speakers: its cohorts, and how far they lie apart."""

from typing import Annotated

from pydantic import Field

from isogloss.judging.cohort_figures import Change, CohortFigures, OverallFigures
from isogloss.judging.record import Count, Interval, Probability, Record, Rectangle


class Difference(Record):
    """The distance between the error rates of two cohorts: the absolute value of their difference, a fraction."""

    before: float
    """The distance under the first system."""
    before_ci95: Interval | None = None
    """Confidence interval of `before`; None where the data allow none."""
    after: float | None = None
    """The distance under the second system; None where there is a single system."""
    after_ci95: Interval | None = None
    """Confidence interval of `after`; None where the data allow none."""
    change: float | None = None
    """after - before; negative where the distance shrinks. None where there is a single system."""
    ci95: Interval | None = None
    """Confidence interval of `change`; None where the data allow none."""


class SpreadFigures(Record):
    """How far the error rates of the cohorts lie apart: of those with inference if there are several, else of all.

    The merged cohort has no part in it.
    """

    cohorts: list[str]
    """The cohorts over which the measures are taken; each has the same weight, whatever its size."""
    mean: Change
    """Mean of the error rates."""
    max: Change
    """Highest error rate."""
    variance: Change
    """Population variance of the error rates."""
    standard_deviation: Change | None = None
    """Verification: population standard deviation of the error rates; None for recognition."""
    relative_gap: Change
    """(worst - best) / best of the error rates of the cohorts that were ranked worst and best on discovery; its figures
    are None where cohorts were not ranked. Verification gives no relative change of it."""
    gap: Difference | None = None
    """Verification: the distance between the EERs of two cohorts; None where there are more or fewer, and for
    recognition."""


class Side(Record):
    """The bottom or the top cohort on one split."""

    rate: float | None
    """Error rate of the first system; None where the cohort has no reference words."""
    ci95: Interval | None
    """Confidence interval of `rate`; None where the data allow none."""
    speakers: Count
    """Number of the cohort's speakers."""
    share_of_speakers: float
    """The cohort's share of the split's speakers, who have their weights in the population."""
    share_of_words: float
    """The cohort's share of the split's reference words; speakers are weighted as the document's `estimand` says."""


class SplitGap(Record):
    """The bottom and the top cohort on one split, and the relative gap between them."""

    bottom: Side
    """The cohort that was ranked worst on discovery."""
    top: Side
    """The cohort that was ranked best on discovery."""
    relative_gap: float | None
    """(rate of bottom - rate of top) / rate of top; None where one of the rates is unknown, or that of top is 0."""
    relative_gap_ci95: Interval | None
    """Confidence interval of `relative_gap`; None where the data allow none."""


class GapFigures(Record):
    """The gap between the cohorts that were ranked worst (bottom) and best (top) on discovery, on two splits."""

    bottom: str
    """Name of the worst cohort."""
    top: str
    """Name of the best cohort."""
    discovery: SplitGap
    """The gap on the speakers by which the cohorts were ranked; it tends to be too wide, because of the selection."""
    test: SplitGap
    """The gap on the speakers of test, who had no part in the ranking."""


class Region(Record):
    """The area of a cohort on the map, whether or not the figures of the cohort may be shown."""

    cohort: str
    """Name of the cohort."""
    rank: int
    """Rank of the cohort by error rate on discovery; 1 is the worst."""
    rectangles: Annotated[list[Rectangle], Field(min_length=1)]
    """The rectangles that make up the area: the south, west, north and east bound of each, in degrees."""


class Hidden(Record):
    """The cohorts of a grouping that were merged for privacy."""

    cohorts: int = 0
    """How many cohorts were merged into one; 0 if none were."""
    merged: str | None = None
    """The name of the merged cohort; None if there is none."""


class Omnibus(Record):
    """One permutation test of whether the error rates of the cohorts differ at all."""

    cohorts: int
    """How many cohorts were compared."""
    p: Probability
    """p value of "all cohorts have the same error rate"."""
    permutations: int
    """Number of random permutations behind `p`."""


class Divisions(Record):
    """The result of a cohort rule over many random divisions of the speakers into halves.

    In each division the rule chooses its worst cohort on one half, and that cohort is judged on the other half.
    """

    divisions: Count
    """Number of divisions."""
    judged: Count
    """Number of divisions in which the chosen cohort and all others had enough speakers to be judged."""
    higher: Count
    """Number of judged divisions in which the chosen cohort had a higher error rate than all others."""
    ratio: float | None
    """Median over the judged divisions of the chosen cohort's error rate over that of all others; None if no division
    was judged."""
    tenths: Interval | None
    """The 10 % and the 90 % quantile of that ratio over the judged divisions; this is no confidence interval."""
    p: Probability
    """p value of "the chosen cohort has no higher error rate than all others": twice the median of the divisions'
    one-sided p values, at most 1. A division that was not judged counts as 1."""


class GroupingFigures(Record):
    """A division of the speakers into cohorts, with the figures of each cohort."""

    name: str
    """Name of the cohort rule or of the column; columns whose values are intersected are joined by `+`."""
    title: str
    """Readable name of the grouping."""
    discovered: bool = False
    """Whether the cohorts were chosen and ranked on other speakers (discovery) than those whose figures these are."""
    split: str
    """Name of the set of speakers that the figures are of, such as `test`."""
    withheld: str | None = None
    """The reason why no cohort of the grouping may be shown; None if cohorts are shown."""
    found: Count
    """Number of cohorts before any are hidden for privacy."""
    speakers: Count | None = None
    """Number of speakers that the grouping covers; None if they are unknown, or if no cohort may be shown."""
    utterances: Count | None = None
    """Number of utterances that the grouping covers; None for verification, or if no cohort may be shown."""
    words: Count | None = None
    """Number of their reference words; None like `utterances`."""
    overall: OverallFigures | None = None
    """The figures of all speakers of the grouping; None if these are all speakers of the document, whose `overall` then
    holds the same figures, and for verification."""
    cohorts: list[CohortFigures] = []
    """The cohorts that may be shown, the worst first: by rank on discovery where `discovered`, else by the first
    system's error rate. The merged cohort is the last."""
    spread: SpreadFigures | None = None
    """How far the error rates of the cohorts lie apart."""
    other_spread: SpreadFigures | None = None
    """The spread under the estimand that the document's `estimand` does not name."""
    gap: GapFigures | None = None
    """The gap between worst and best cohort on discovery and on test; only in the pipeline's document of the base
    recogniser."""
    worst_cohort_by_discovery: str | None = None
    """The cohort with the highest error rate on discovery; None if it is hidden (the next one is not named instead), or
    if cohorts were not ranked."""
    worst_cohort_by_test: str | None = None
    """The cohort with the highest error rate of the first system on the judged speakers, among those with inference if
    there are any; neither the merged cohort nor `unspecified`. None if no cohort has a rate."""
    harmed_cohorts: list[str] = []
    """Cohorts whose error rate rose significantly from the first to the second system, after Holm's adjustment."""
    other_harmed_cohorts: list[str] = []
    """The harmed cohorts under the estimand that the document's `estimand` does not name."""
    not_measurable: list[str] = []
    """Verification: cohorts without targets or without non-targets, which have no EER."""
    hidden: Hidden = Hidden()
    """What was merged for privacy."""
    regions: list[Region] = []
    """The areas of the cohorts of a geographic rule, the worst first; empty for other groupings."""
    omnibus: Omnibus | None = None
    """One test over all cohorts of an audit; None where it cannot be made, for instance because a speaker is in several
    cohorts."""
    divisions: Divisions | None = None
    """The result of the cohort rule over several divisions of the speakers; None if there was only one."""
    test: str = ""
    """Sentences that say which intervals and tests these are; empty if there are none."""

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
