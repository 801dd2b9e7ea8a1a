"""The one typed document that every judgement is: a pipeline stage's, an audit's, one system or two, WER or EER.

Its JSON schema is `docs/document.schema.json`. Rates, changes and bounds are fractions; None is what is not known, or
what the speakers do not allow to be said. Whatever is in a document may be shown: small cohorts are hidden before it is
made. Pages, terminal tables and metrics are computed from documents alone.

`before` is the first system (the baseline), `after` the second; a document of one system has no `after` and no change.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from isogloss.judging.cohort_figures import OverallFigures
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Count, Estimand, Interval, Record


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
