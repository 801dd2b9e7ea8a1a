"""The figures of a document about one cohort, or about all speakers together.

`before` is the first system, `after` the second, as everywhere in a document.
"""

from isogloss.judging.record import Count, Interval, Probability, Record


class Change(Record):
    """A figure under each system, and its relative change with the interval of that change."""

    before: float | None = None
    after: float | None = None
    relative_change: float | None = None
    """after / before - 1."""
    ci95: Interval | None = None
    """Of `relative_change`, at the document's `confidence`."""


class Rates(Change):
    """The error rates of both systems with their intervals, and the test of the change."""

    before_ci95: Interval | None = None
    after_ci95: Interval | None = None
    difference: float | None = None
    """after - before, in rates; None without inference."""
    difference_ci95: Interval | None = None
    p: Probability | None = None
    """Of "both systems have the same error rate", two-sided, not adjusted."""
    harm_bound: float | None = None
    """The largest relative harm that the data do not exclude: the upper end of `ci95`, one-sided at half the level."""
    noninferior: bool | None = None
    """Whether `harm_bound` is below the document's `margin`; None where there is no bound."""
    deciding_speakers: float | None = None
    """Recognition: how many speakers decide on the change, or on the rate of a single system. Where they are fewer than
    the document's `min_deciding`, there is neither interval nor test, since none holds its level."""
    effective_speakers: float | None = None
    """Kish's (sum w)^2 / sum w^2 of the speakers' weights w; their number where all weigh the same."""


class ErrorKinds(Record):
    """The errors of one system by kind, as shares of the reference words."""

    system: str
    substitutions: float
    deletions: float
    insertions: float
    runaway: float | None
    """Share of the hypotheses that run away: more inserted words than were said, and five at least."""


class OverallFigures(Rates):
    """All speakers together."""

    other: Rates | None = None
    """The same under the other estimand."""
    kinds: list[ErrorKinds] = []
    """The errors of each system by kind, where they are known."""
    min_dcf: dict[str, Rates] | None = None
    """Verification: the least detection cost, by the prior probability of a target."""


class AdjustedRatio(Record):
    """The ratio to all others, all else equal."""

    ratio: float
    ci95: Interval
    p: Probability
    p_holm: Probability | None = None
    """Adjusted over the cohorts of the grouping."""


class Rest(Record):
    """How the first system serves a cohort in comparison with all other speakers."""

    ratio: float | None
    """Error rate of the cohort over that of all others."""
    ci95: Interval | None
    p: Probability | None
    p_holm: Probability | None
    """Adjusted over the cohorts of the grouping."""
    detectable_ratio: float | None
    """The least ratio above 1 that these speakers would have shown, with power 0.8 and before adjustment."""
    worse: bool
    """Whether the cohort is significantly worse than all others."""
    difference: float | None = None
    """Error rate of the cohort less that of all others, in rates."""
    difference_ci95: Interval | None = None
    adjusted: AdjustedRatio | None = None
    """The ratio within strata or adjusted for the columns of `adjusted_for`."""


class ThresholdRates(Record):
    """Verification: what one threshold for all does to a cohort."""

    far: float | None
    """Share of non-targets accepted."""
    far_ci95: Interval | None = None
    frr: float | None
    """Share of targets rejected."""
    frr_ci95: Interval | None = None


class ThresholdFigures(Record):
    """Verification: the rates of a cohort where each verifier accepts what it accepts at its EER over all trials."""

    before: ThresholdRates
    after: ThresholdRates | None = None


class CohortRates(Rates):
    """What one estimand says of a cohort."""

    inference: bool
    """Whether there are effective speakers enough for intervals and tests."""
    p_holm: Probability | None = None
    """`p` adjusted over the cohorts of the grouping."""
    detectable_change: float | None = None
    """The least relative reduction that these speakers would have shown, with power 0.8 and before adjustment."""
    rest: Rest | None = None
    at_threshold: ThresholdFigures | None = None


class CohortFigures(CohortRates):
    """One cohort."""

    cohort: str
    label: str
    merged: bool = False
    """Whether it stands for the cohorts that were merged for privacy."""
    unnamed: bool = False
    """Whether the grouping's value is unknown for its speakers (`unspecified`)."""
    mitigated: bool = False
    speakers: Count | None
    """None where nobody knows who spoke."""
    utterances: Count | None = None
    words: Count | None = None
    targets: Count | None = None
    nontargets: Count | None = None
    measurable: bool = True
    """Whether there is anything to take a rate of."""
    discovery_rank: int | None = None
    """Rank by error rate among the speakers who chose the cohorts, 1 the worst; None for the merged cohort."""
    discovery: float | None = None
    """Error rate of the first system among the speakers who chose the cohorts; None where it may not be shown."""
    discovery_ci95: Interval | None = None
    kinds: list[ErrorKinds] = []
    """The errors of each system by kind, where they are known."""
    other: CohortRates | None = None
    """The same under the other estimand."""

    @property
    def least_ratio(self) -> float:
        """The ratio to all others that the data support at least: the lower bound, or 0 where there is none."""
        return 0.0 if self.rest is None or self.rest.ci95 is None else self.rest.ci95[0]

    @property
    def people(self) -> bool:
        """Whether it can be named in a headline: it is neither merged nor `unspecified`."""
        return not (self.merged or self.unnamed)
