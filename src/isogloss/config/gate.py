"""gate.yaml: what a release must not do to any cohort, and where its transcripts are."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isogloss.config.judging import StatisticsParams
from isogloss.config.section import PositiveInt, Section, refuse_duplicates


class MarginParams(Section):
    """The largest rise of the error rate that would not matter. If both are given, both must hold."""

    relative: Annotated[float, Field(gt=0.0)] | None = None
    """Largest relative rise: 0.05 lets a rate of 10 % rise to 10.5 %. null sets no relative limit."""
    absolute: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Largest absolute rise: 0.01 lets a rate of 10 % rise to 11 %. null sets no absolute limit."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.relative is None and self.absolute is None:
            raise ValueError("a margin has neither relative nor absolute; give one of them or both")
        return self


class SideParams(Section):
    """The transcripts of one system."""

    name: str | None = None
    """Name of the system in outputs; null for `baseline` or `candidate`."""
    table: str | None = None
    """Path of a table as `isogloss audit` reads it, with utterance_id, speaker_id, ref and hyp; null if `ref` is
    given."""
    ref: str | None = None
    """Path of a file of references, instead of a table: Kaldi's text, .trn or .stm."""
    hyp: str | None = None
    """Path of the file of hypotheses for `ref`: Kaldi's text, .trn or .stm, or .ctm if `ref` is .stm."""
    utt2spk: str | None = None
    """Path of Kaldi's utt2spk, which gives the speaker of each utterance of `ref`."""
    columns: dict[str, str] = {}
    """Our name of a column -> its name in this table, such as {hyp: hyp_large}. These take precedence over `columns` of
    the gate."""
    normalise: list[str] | None = None
    """Normalisation steps of this side; null takes those of the gate. If one side names steps, those of the other must
    be the same."""

    @model_validator(mode="before")
    @classmethod
    def _path(cls, value: Any) -> Any:
        return {"table": value} if isinstance(value, str) else value


class GroupingParams(Section):
    """Cohorts that are judged one by one: the values of a column, or of several together."""

    by: str
    """Name of a column; `a+b` for the intersections of two or more columns."""
    margin: MarginParams | None = None
    """Margin of each of these cohorts; null takes the gate's."""
    margins: dict[str, MarginParams] = {}
    """Cohort -> margin, for single cohorts."""
    required: list[str] = []
    """Names of cohorts that must be judged, whatever `unjudged` says."""

    @model_validator(mode="before")
    @classmethod
    def _column(cls, value: Any) -> Any:
        return {"by": value} if isinstance(value, str) else value

    @field_validator("required")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        refuse_duplicates("required", value)
        return value


class LedgerParams(Section):
    """The record of all releases that were judged on one test set, among which the level of the test is divided."""

    file: str
    """Path of a file in the repository, to which each judged release adds a line."""
    test_set: str
    """Name of this set of utterances; another set needs another name."""
    releases: PositiveInt
    """Number of releases that the test set is to judge; each gets an equal share of the level."""


class GateParams(Section):
    """All of gate.yaml. Paths are relative to the folder of the file."""

    baseline: SideParams
    """The system in use."""
    candidate: SideParams
    """The system that may replace it."""
    margin: MarginParams
    """Margin for all speakers together, and for cohorts without a margin of their own."""
    cohorts: list[GroupingParams] = []
    """The groupings whose cohorts are judged, besides all speakers together."""
    normalise: list[str] = []
    """Normalisation steps for both sides, as of `isogloss audit --normalise`."""
    columns: dict[str, str] = {}
    """Our name of a column -> its name in both tables."""
    separator: str | None = None
    """Separator of the cells of CSV files; null detects it."""
    speaker_pattern: str | None = None
    """Regular expression that is applied to utterance ids and whose one group is the speaker's id; null takes speakers
    from the files."""
    missing_as_deletions: bool = False
    """Whether every word of an utterance without a hypothesis counts as a deletion; otherwise such utterances are
    refused."""
    attributes: str | None = None
    """Path of a table with further columns, joined by utterance_id or speaker_id."""
    unjudged: Literal["undecided", "allowed"] = "undecided"
    """Result for a cohort that cannot be judged, such as one with too few speakers: `undecided`, and then so is the
    gate, or `allowed`, and then the cohort is named and does not block the release. All speakers together must be
    judged."""
    identical: Literal["refused", "allowed"] = "refused"
    """Whether both systems may have the same hypothesis in every row; usually that means that one file was given
    twice."""
    min_speakers: PositiveInt = 5
    """No figure is about fewer speakers; smaller cohorts are merged."""
    statistics: StatisticsParams = StatisticsParams()
    """As in params.yaml, without `margin`. Its `min_speakers` is the smallest number of effective speakers that a
    judgement needs."""
    ledger: LedgerParams | None = None
    """The record of releases; null keeps none, and this release is judged at the full level."""

    @field_validator("statistics")
    @classmethod
    def _one_margin(cls, value: StatisticsParams) -> StatisticsParams:
        if "margin" in value.model_fields_set:
            raise ValueError("statistics.margin is of documents; a gate's margin is `margin`, or that of its cohorts")
        return value

    @field_validator("cohorts")
    @classmethod
    def _different(cls, value: list[GroupingParams]) -> list[GroupingParams]:
        refuse_duplicates("cohorts", [one.by for one in value])
        return value
