"""gate.yaml: what a release must not do to any cohort, and where its transcripts are."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isogloss.config.judging import StatisticsParams
from isogloss.config.section import PositiveInt, Section, refuse_duplicates


class MarginParams(Section):
    """The largest harm that would not matter. Where both are given, both must hold."""

    relative: Annotated[float, Field(gt=0.0)] | None = None
    """Of the error rate: 0.05 lets a rate of 10 % rise to 10.5 %."""
    absolute: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """In error rates: 0.01 lets a rate of 10 % rise to 11 %."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.relative is None and self.absolute is None:
            raise ValueError("a margin has neither relative nor absolute; give one of them or both")
        return self


class SideParams(Section):
    """The transcripts of one system."""

    name: str | None = None
    """What outputs call it; baseline or candidate by default."""
    table: str | None = None
    """A table as `isogloss audit` reads it, with utterance_id, speaker_id, ref and hyp."""
    ref: str | None = None
    """In place of a table, files of transcripts: Kaldi's text, .trn, .stm."""
    hyp: str | None = None
    """The hypotheses for `ref`; .ctm with an .stm too."""
    utt2spk: str | None = None
    """Kaldi's speakers."""
    columns: dict[str, str] = {}
    """Our name of a column to that of this table, as in {hyp: hyp_large}; goes before the shared ones."""
    normalise: list[str] | None = None
    """Where a side states its own steps, the other one must have the same."""

    @model_validator(mode="before")
    @classmethod
    def _path(cls, value: Any) -> Any:
        return {"table": value} if isinstance(value, str) else value


class GroupingParams(Section):
    """Cohorts that are judged one by one: the values of a column, or of several together."""

    by: str
    """A column; `a+b` for the intersections of two or more."""
    margin: MarginParams | None = None
    """For each cohort; by default that of all speakers."""
    margins: dict[str, MarginParams] = {}
    """For single cohorts."""
    required: list[str] = []
    """Cohorts that must be judged, whatever `unjudged` says."""

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
    """The record of all releases that were judged on one test set, and the level that each of them has."""

    file: str
    """A file of the repository; each judged release adds a line."""
    test_set: str
    """The name of these utterances; others need another name."""
    releases: PositiveInt
    """How many releases the test set is to judge; each has its share of the level."""


class GateParams(Section):
    """All of gate.yaml. Paths are relative to the folder of the file."""

    baseline: SideParams
    candidate: SideParams
    margin: MarginParams
    """For all speakers together, and for cohorts without a margin of their own."""
    cohorts: list[GroupingParams] = []
    normalise: list[str] = []
    """Steps of `isogloss audit --normalise`."""
    columns: dict[str, str] = {}
    """Our name of a column to that of both tables."""
    separator: str | None = None
    """Between the cells of CSV files; by default it is found."""
    speaker_pattern: str | None = None
    """A regular expression whose one group is the speaker, in an utterance id."""
    missing_as_deletions: bool = False
    """Whether utterances without a hypothesis count as deleted; else they are refused."""
    attributes: str | None = None
    """A table of further columns, joined by utterance_id or speaker_id."""
    unjudged: Literal["undecided", "allowed"] = "undecided"
    """What a cohort does that has too few speakers to be judged: the gate cannot decide, or it is only named. All
    speakers together must be judged."""
    identical: Literal["refused", "allowed"] = "refused"
    """Whether both systems may have the same hypothesis in every row, which is mostly one file given twice."""
    min_speakers: PositiveInt = 5
    """No figure is about fewer speakers."""
    statistics: StatisticsParams = StatisticsParams()
    """As in params.yaml; `min_speakers` is the least number of effective speakers that a judgement needs."""
    ledger: LedgerParams | None = None

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
