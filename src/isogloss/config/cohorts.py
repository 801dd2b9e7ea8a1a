"""Params of discovery: which rules. The options of a rule stand beside it, in `isogloss.cohorts`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.components import RuleComponent
from isogloss.config.known import Known
from isogloss.config.section import PositiveInt, Section, refuse_duplicates

RuleName = Annotated[str, Known(RuleComponent)]


class CohortsParams(Section):
    """Which cohort rules are discovered; every system is compared under each of them."""

    rules: Annotated[list[RuleName], Field(min_length=1)] = ["geographic", "geodemographic", "automatic", "attribute"]
    voices: Literal["speaker", "asr"] = "speaker"
    """What rules about voices see of an utterance: its embedding by the base speaker encoder, or the mean over time of
    the frames of the base recogniser's encoder, which knows how things are said and what comes out wrong."""
    voice_utterances: PositiveInt | None = 10
    """Utterances of each speaker that the recogniser's encoder hears for it, spread evenly; null for all. The others
    follow their speaker."""

    @model_validator(mode="after")
    def _no_rule_twice(self) -> Self:
        refuse_duplicates("cohorts.rules", self.rules)
        return self
