"""The one typed document that every judgement is: a pipeline stage's, an audit's, one system or two, WER or EER.

Its JSON schema is `docs/document.schema.json`. Rates, changes and bounds are fractions; None is what is not known, or
what the speakers do not allow to be said. Whatever is in a document may be shown: small cohorts are hidden before it is
made. Pages, terminal tables and metrics are computed from documents alone.

`before` is the first system (the baseline), `after` the second; a document of one system has no `after` and no change.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Interval = tuple[float, float]
Estimand = Literal["population", "speakers"]
Count = Annotated[int, Field(ge=0, le=10**15)]
Probability = Annotated[float, Field(ge=0, le=1)]
Degrees = float
Rectangle = tuple[Degrees, Degrees, Degrees, Degrees]
"""South, west, north, east."""

_LARGEST = 1e300
"""The relative change of a variance near 0 may be 1e150; a chart's axis overflows soon after 1e300."""


class Record(BaseModel):
    """A part of a document; unknown keys are refused, and numbers that no figure reaches."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _refuse_huge(self) -> Self:
        """Such numbers come from damaged files alone."""
        for name in type(self).model_fields:
            held = getattr(self, name)
            for number in held if isinstance(held, tuple) else (held,):
                if isinstance(number, int | float) and abs(number) > _LARGEST:
                    raise ValueError(f"{name} is larger than any figure can be")
        return self


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


class SystemRate(Record):
    """The rate of one of several systems."""

    rate: float | None
    ci95: Interval | None = None


class PairRatio(Record):
    """The rate of one system over that of another; all intervals of a grouping hold together."""

    first: str
    second: str
    ratio: float
    ci95: Interval | None = None


class SystemsRow(Record):
    """Several systems on the speakers of one cohort."""

    grouping: str
    """Empty for all speakers."""
    cohort: str
    label: str
    speakers: int | None
    words: int
    rates: list[SystemRate]
    """In the order of the systems."""
    ratios: list[PairRatio] = []
    best: list[str] = []
    """The system with the lowest rate and those that cannot be told from it; empty where nothing can be said."""


class SideBySide(Record):
    """Any number of systems on the same speakers."""

    systems: list[str]
    rows: list[SystemsRow]


class Input(Record):
    """A file that was read."""

    role: str
    file: str
    sha256: str


class Origin(Record):
    """What a document was made from, and by what."""

    command: str
    version: str
    date: str
    """Of the day, as YYYY-MM-DD."""
    inputs: list[Input]


class SplitSize(Record):
    """What one split holds, and the first system's rate there."""

    split: str
    speakers: Count
    utterances: Count
    hours: float
    rate: float | None


class Document(Record):
    """A judgement of one system, or of two on the same speakers."""

    kind: Literal["isogloss-document"] = "isogloss-document"
    task: Literal["asr", "verification"]
    metric: Literal["WER", "CER", "EER"]
    systems: Annotated[list[str], Field(min_length=1, max_length=2)]
    """The names of the first and of the second system."""
    split: str
    unit: Literal["speaker", "utterance"] = "speaker"
    """What is resampled; utterances where nobody knows who spoke, and then nothing is."""
    speakers: Count | None
    utterances: Count | None = None
    words: Count | None = None
    targets: Count | None = None
    nontargets: Count | None = None
    normalisation: list[str] | None = None
    """What texts went through before words were counted; None where that is not known here."""
    confidence: float
    resamples: int
    permutations: int
    seed: int
    """Of resamples and permutations."""
    estimand: Estimand = "population"
    """What the figures estimate: the error rate of the population, in which speakers have their weights, or with each
    speaker alike. The figures called `other` are of the other of the two."""
    weighted: bool = False
    """Whether speakers differ in weight; where they do not, both estimands are the same."""
    margin: float = 0.1
    """A relative harm that would not matter: a cohort is not inferior where a larger one is excluded."""
    min_speakers: int
    """No figure is about fewer speakers."""
    min_speakers_for_inference: int
    """Effective ones."""
    min_deciding: float | None = None
    """Recognition: no interval is of a figure on which fewer speakers decide."""
    seeds: dict[str, int] = {}
    """The seeds that led to the systems."""
    overall: OverallFigures
    thresholds: dict[Literal["before", "after"], float] | None = None
    """Verification: each verifier's score at its EER over all trials."""
    groupings: list[GroupingFigures] = []
    adjusted_for: list[str] = []
    """The columns within which, or adjusted for which, cohorts were also compared."""
    side_by_side: SideBySide | None = None
    """All systems where there are several."""
    origin: Origin | None = None
    splits: list[SplitSize] = []

    @property
    def paired(self) -> bool:
        """Whether there are two systems."""
        return len(self.systems) > 1

    @property
    def baseline(self) -> str:
        """The first system."""
        return self.systems[0]

    @property
    def system(self) -> str:
        """The second system, or the only one."""
        return self.systems[-1]

    @property
    def alpha(self) -> float:
        """The level of the tests."""
        return 1 - self.confidence

    def grouping(self, name: str) -> GroupingFigures:
        """A grouping by its name."""
        return next(one for one in self.groupings if one.name == name)

    def content(self) -> dict[str, Any]:
        """The document as JSON has it."""
        return self.model_dump(mode="json")
