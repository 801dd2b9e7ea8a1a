"""The figures of a document about one cohort, or about all speakers together.

`before` is the first system, `after` the second, as everywhere in a document.
"""

from isogloss.judging.record import Count, Interval, Probability, Record


class Change(Record):
    """A figure under each system, and its relative change with the interval of that change."""

    before: float | None = None
    """The figure of the first system; None where it is undefined."""
    after: float | None = None
    """The figure of the second system; None where it is undefined, or where there is a single system."""
    relative_change: float | None = None
    """after / before - 1; negative where the figure falls. None where one of the two is None, or `before` is 0."""
    ci95: Interval | None = None
    """Confidence interval of `relative_change`, at the document's `confidence`; None where the data allow none."""


class Rates(Change):
    """The error rates of both systems with their intervals, and the test of the change between them."""

    before_ci95: Interval | None = None
    """Confidence interval of `before`; None where the data allow none."""
    after_ci95: Interval | None = None
    """Confidence interval of `after`; None where the data allow none."""
    difference: float | None = None
    """Recognition: after - before, a fraction (0.01 is one percentage point). None where there is a single system or
    there are too few speakers for intervals, and for verification."""
    difference_ci95: Interval | None = None
    """Confidence interval of `difference`; None where the data allow none."""
    p: Probability | None = None
    """Two-sided p value of "both systems have the same error rate", not adjusted for the number of cohorts; None where
    there is a single system, or there are too few speakers for a test."""
    harm_bound: float | None = None
    """The largest relative rise of the error rate that the data do not exclude: the upper end of `ci95`, which is a
    one-sided bound at the level (1 - confidence) / 2."""
    noninferior: bool | None = None
    """Whether `harm_bound` is below the document's `margin`; None where there is no bound."""
    deciding_speakers: float | None = None
    """Recognition: how many speakers decide on the relative change, or on the rate of a single system; about 1 where it
    hangs on one speaker. If they are fewer than the document's `min_deciding`, there is neither interval nor test,
    since neither would hold its level. None where there are too few speakers for intervals, or where no speaker
    differs from the others."""
    effective_speakers: float | None = None
    """Kish's effective number of speakers, (sum w)^2 / sum w^2 of their weights w, which is their number where all
    weights are equal; None where speakers are unknown."""


class ErrorKinds(Record):
    """The word errors of one system by kind, per reference word."""

    system: str
    """Name of the system."""
    substitutions: float
    """Substituted words per reference word."""
    deletions: float
    """Deleted words per reference word."""
    insertions: float
    """Inserted words per reference word."""
    runaway: float | None
    """Share of the hypotheses that run away: they have at least five inserted words, and more inserted words than the
    reference has words. None where rows are sums of several utterances."""


class OverallFigures(Rates):
    """The figures of all speakers together, or of all that a grouping covers."""

    other: Rates | None = None
    """The error rates under the estimand that the document's `estimand` does not name."""
    kinds: list[ErrorKinds] = []
    """Recognition: the errors of each system by kind; empty where kinds were not counted."""
    min_dcf: dict[str, Rates] | None = None
    """Verification: the minimum detection cost (minDCF), by the prior probability of a target (`0.01`, `0.05`); 1
    is the cost of rejecting all trials. None for recognition."""


class AdjustedRatio(Record):
    """The error rate of a cohort over that of all other speakers, with the columns of `adjusted_for` held equal.

    It is estimated by a Poisson regression of the first system's errors.
    """

    ratio: float
    """1 where the cohort is served like all others; 1.5 is 50 % more errors."""
    ci95: Interval
    """Confidence interval of `ratio`, at the document's `confidence`."""
    p: Probability
    """Two-sided p value of "the ratio is 1", not adjusted for the number of cohorts."""
    p_holm: Probability | None = None
    """`p` after Holm's adjustment over the cohorts of the grouping."""


class Rest(Record):
    """How the first system serves a cohort in comparison with all other speakers."""

    ratio: float | None
    """Error rate of the cohort over that of all other speakers; 1.5 is 50 % more errors. None where one of the two
    rates is unknown, or the others have no errors."""
    ci95: Interval | None
    """Confidence interval of `ratio`, at the document's `confidence`; None where the data allow none."""
    p: Probability | None
    """Two-sided p value of "the cohort and all others have the same error rate", not adjusted for the number of
    cohorts; None where there are too few speakers for a test."""
    p_holm: Probability | None
    """`p` after Holm's adjustment over the cohorts of the grouping."""
    detectable_ratio: float | None
    """The smallest ratio above 1 that a test on these speakers would detect with power 0.8, without Holm's adjustment.
    None where there are too few speakers for a test, and where speakers belong to several cohorts."""
    worse: bool
    """Whether the cohort's error rate is significantly higher: `p_holm` is at most 1 - confidence, and the ratio is
    above 1."""
    difference: float | None = None
    """Error rate of the cohort minus that of all others, a fraction (0.01 is one percentage point)."""
    difference_ci95: Interval | None = None
    """Confidence interval of `difference`; None where the data allow none."""
    adjusted: AdjustedRatio | None = None
    """The ratio with the columns of the document's `adjusted_for` held equal; None where there are no such columns, or
    where it cannot be estimated."""


class ThresholdRates(Record):
    """Verification: the error rates of a cohort at one threshold that is the same for all speakers."""

    far: float | None
    """False acceptance rate: share of the non-target trials that are accepted; None without such trials."""
    far_ci95: Interval | None = None
    """Confidence interval of `far`, with the threshold taken as given; None where the data allow none."""
    frr: float | None
    """False rejection rate: share of the target trials that are rejected; None without such trials."""
    frr_ci95: Interval | None = None
    """Confidence interval of `frr`, with the threshold taken as given; None where the data allow none."""


class ThresholdFigures(Record):
    """Verification: the error rates of a cohort at each verifier's threshold (the document's `thresholds`)."""

    before: ThresholdRates
    """The rates of the first verifier."""
    after: ThresholdRates | None = None
    """The rates of the second verifier; None where there is only one."""


class CohortRates(Rates):
    """The figures of a cohort under one estimand."""

    inference: bool
    """Whether the cohort has enough effective speakers (`min_speakers_for_inference`), and words or trials, for
    intervals and tests."""
    p_holm: Probability | None = None
    """`p` after Holm's adjustment over the cohorts of the grouping."""
    detectable_change: float | None = None
    """Recognition: the smallest relative reduction of the error rate that a test on these speakers would detect with
    power 0.8, without Holm's adjustment (0.3 is 30 %). None where there is a single system, or there are too few
    speakers for a test."""
    rest: Rest | None = None
    """Recognition: the cohort against all other speakers; None where this comparison was not made."""
    at_threshold: ThresholdFigures | None = None
    """Verification: the error rates at a threshold that is the same for all speakers; None for recognition."""


class CohortFigures(CohortRates):
    """The figures of one cohort, or of all cohorts of a grouping that were merged for privacy."""

    cohort: str
    """Name of the cohort, unique in its grouping."""
    label: str
    """Readable name of the cohort."""
    merged: bool = False
    """Whether these are the figures of the cohorts that were merged for privacy."""
    unnamed: bool = False
    """Whether this is the cohort of speakers whose value of the grouping is unknown (`unspecified`)."""
    mitigated: bool = False
    """Whether the second system was adapted to this cohort, or to one of the merged ones."""
    speakers: Count | None
    """Number of speakers; None where the speakers of the utterances are unknown."""
    utterances: Count | None = None
    """Number of utterances; None for verification."""
    words: Count | None = None
    """Number of reference words (of characters where `metric` is CER); None for verification."""
    targets: Count | None = None
    """Verification: number of trials of two recordings of the same speaker, who belongs to the cohort."""
    nontargets: Count | None = None
    """Verification: number of trials of two different speakers of the cohort."""
    measurable: bool = True
    """Verification: whether there are both targets and non-targets, without which there is no EER; always true for
    recognition."""
    discovery_rank: int | None = None
    """Rank of the cohort by error rate on discovery, the speakers by which cohorts were chosen; 1 is the worst. None
    for the merged cohort, and where cohorts were not ranked."""
    discovery: float | None = None
    """Error rate of the first system on discovery; None where cohorts were not ranked, or where it may not be shown."""
    discovery_ci95: Interval | None = None
    """Confidence interval of `discovery`; None where it is not known."""
    kinds: list[ErrorKinds] = []
    """Recognition: the errors of each system by kind; empty where kinds were not counted."""
    other: CohortRates | None = None
    """The figures under the estimand that the document's `estimand` does not name."""

    @property
    def least_ratio(self) -> float:
        """The lower bound of the ratio to all others, or 0 where there is none."""
        return 0.0 if self.rest is None or self.rest.ci95 is None else self.rest.ci95[0]

    @property
    def people(self) -> bool:
        """Whether it can be named in a headline: it is neither merged nor `unspecified`."""
        return not (self.merged or self.unnamed)
