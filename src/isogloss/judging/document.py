"""The one typed document that every judgement is: a pipeline stage's, an audit's, one system or two, WER or EER.

Its JSON schema is `docs/document.schema.json`. Rates, changes and bounds are fractions; None means that a figure is not
known, does not apply, or has too few speakers behind it. Everything in a document may be published: small cohorts are
hidden before it is made. Pages, terminal tables and metrics are computed from documents alone.

`before` is the first system (the baseline), `after` the second; a document of one system has no `after` and no change.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from isogloss.judging.cohort_figures import OverallFigures
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Count, Estimand, Interval, Record


class SystemRate(Record):
    """The error rate of one of several systems in one cohort."""

    rate: float | None
    """A fraction; None where there are no reference words."""
    ci95: Interval | None = None
    """Confidence interval of `rate`, of this system alone; None where the data allow none."""


class PairRatio(Record):
    """The error rate of one system over that of another in one cohort; the intervals of a grouping hold together."""

    first: str
    """Name of the system in the numerator."""
    second: str
    """Name of the system in the denominator."""
    ratio: float
    """Error rate of `first` over that of `second`."""
    ci95: Interval | None = None
    """Simultaneous interval of `ratio`: the intervals of all pairs of systems in all cohorts of a grouping hold at once
    with the document's `confidence`. None where the data allow none."""


class SystemsRow(Record):
    """Several systems on the speakers of one cohort, or on all speakers."""

    grouping: str
    """Name of the grouping; empty in the row of all speakers."""
    cohort: str
    """Name of the cohort; `all` in the row of all speakers."""
    label: str
    """Readable name of the cohort."""
    speakers: int | None
    """Number of speakers; None where the speakers of the utterances are unknown."""
    words: int
    """Number of reference words."""
    rates: list[SystemRate]
    """One for each system, in the order of `SideBySide.systems`."""
    ratios: list[PairRatio] = []
    """One for each pair of systems; empty where there are too few speakers, or where a system has no errors."""
    best: list[str] = []
    """The system with the lowest error rate and those that do not differ significantly from it; empty where `ratios` is
    empty."""


class SideBySide(Record):
    """Two or more systems on the same speakers, overall and in every cohort."""

    systems: list[str]
    """Names of the systems, in the order in which they were given."""
    rows: list[SystemsRow]
    """All speakers first, then the cohorts of one grouping after the other."""


class Input(Record):
    """A file that was read to make a document."""

    role: str
    """The option or argument that named the file, such as `--hyp` or `TABLE`."""
    file: str
    """Path of the file as it was given."""
    sha256: str
    """SHA-256 of the file's content, in hexadecimal."""


class Origin(Record):
    """The command that made a document, and the files that it read."""

    command: str
    """The command line."""
    version: str
    """Version of Isogloss."""
    date: str
    """The day in UTC, as YYYY-MM-DD; that of the variable SOURCE_DATE_EPOCH if it is set."""
    inputs: list[Input]
    """The files that the command read."""


class SplitSize(Record):
    """The size of one split of the corpus, and the first system's error rate on it."""

    split: str
    """Name of the split."""
    speakers: Count
    """Number of speakers."""
    utterances: Count
    """Number of utterances."""
    hours: float
    """Total duration of the utterances, in hours."""
    rate: float | None
    """A fraction, with speakers as they are weighted in the population; None for a split that was not transcribed, has
    no reference words, or has fewer than `min_speakers` speakers."""


class Document(Record):
    """A judgement of one system, or of two systems on the same speakers, overall and by cohorts.

    `before` is a figure of the first system (the baseline), `after` one of the second. Error rates are fractions: 0.12
    is 12 %; word error rates may exceed 1, because insertions count. `ci95` and `..._ci95` are confidence intervals,
    lower and upper bound, at the level `confidence`, which is 95 % unless it was set otherwise. None (null in JSON)
    means that a figure is not known, does not apply, or has too few speakers behind it.
    """

    kind: Literal["isogloss-document"] = "isogloss-document"
    """Marks the file as a document of Isogloss."""
    task: Literal["asr", "verification"]
    """Whether a speech recogniser or a speaker verifier is judged."""
    metric: Literal["WER", "CER", "EER"]
    """What error rates are: word or character error rates, or equal error rates (verification)."""
    systems: Annotated[list[str], Field(min_length=1, max_length=2)]
    """The names of the first and, if there are two, of the second system."""
    split: str
    """Name of the set of speakers that the figures are of, such as `test` or `all speakers`."""
    unit: Literal["speaker", "utterance"] = "speaker"
    """What intervals and tests resample. `utterance` if speakers are unknown; then there are no intervals or tests."""
    speakers: Count | None
    """Number of speakers; None where the speakers of the utterances are unknown."""
    utterances: Count | None = None
    """Number of utterances; None for verification."""
    words: Count | None = None
    """Number of reference words (of characters where `metric` is CER); None for verification."""
    targets: Count | None = None
    """Verification: number of trials whose two sides are the same speaker."""
    nontargets: Count | None = None
    """Verification: number of trials whose two sides are different speakers."""
    normalisation: list[str] | None = None
    """Names of the steps by which texts were normalised before words were counted; None where they are not known."""
    confidence: float
    """Level of all confidence intervals; 0.95 is 95 %."""
    resamples: int
    """Number of bootstrap draws behind an interval."""
    permutations: int
    """Largest number of permutations, or of swaps of the two systems, behind a p value."""
    seed: int
    """Seed of the bootstrap draws and permutations."""
    estimand: Estimand = "population"
    """What the figures estimate: the error rate of the population, in which speakers have their weights, or that of the
    speakers with all weights equal. Fields whose names begin with `other` hold the figures of the other estimand."""
    weighted: bool = False
    """Whether speakers differ in weight; if they do not, both estimands are the same."""
    margin: float = 0.1
    """The largest relative rise of an error rate that would not matter, as a fraction; `noninferior` says where a rise
    as large as this is excluded."""
    min_speakers: int
    """No figure is of fewer speakers than this; smaller cohorts are merged or left out. If speakers are unknown, ten
    utterances stand for one speaker."""
    min_speakers_for_inference: int
    """A cohort with fewer effective speakers than this (`effective_speakers`) has no intervals and p values."""
    min_deciding: float | None = None
    """Recognition: a figure on which fewer speakers than this decide (`deciding_speakers`) has no interval and no p
    value. None for verification."""
    seeds: dict[str, int] = {}
    """Seeds from which the systems were made, by the section of the params; empty where they are not known."""
    overall: OverallFigures
    """The figures of all speakers together."""
    thresholds: dict[Literal["before", "after"], float] | None = None
    """Verification: each verifier's score threshold at its EER over all trials; scores of at least this are accepted.
    None for recognition."""
    groupings: list[GroupingFigures] = []
    """The divisions of the speakers into cohorts, with the figures of each cohort."""
    adjusted_for: list[str] = []
    """Columns whose values are held equal in `Rest.adjusted`: text as strata, numbers as covariates. Empty if no such
    comparison was asked for."""
    side_by_side: SideBySide | None = None
    """All systems of an audit of two or more recognisers; None in other documents."""
    origin: Origin | None = None
    """The command and input files of an audit; None in documents of a pipeline."""
    splits: list[SplitSize] = []
    """The size of each split of the corpus; empty except in the pipeline's document of the base recogniser."""

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
