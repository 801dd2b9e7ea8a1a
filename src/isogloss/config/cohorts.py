"""Params of discovery: which rules. The options of a rule stand beside it, in `isogloss.cohorts`."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from isogloss.config.components import RuleComponent
from isogloss.config.known import Known
from isogloss.config.section import PositiveInt, Section, refuse_duplicates

RuleName = Annotated[str, Known(RuleComponent)]


class CohortsParams(Section):
    """Which cohort rules are discovered; every system is compared under each of them."""

    rules: list[RuleName] = ["geographic", "geodemographic", "automatic", "attribute"]
    """Names of the rules; the options of each are the section of the same name. Empty for speaker verification alone,
    as on a corpus without transcripts: rules find cohorts by the errors of a recogniser."""
    voices: Literal["speaker", "asr"] = "asr"
    """Embeddings of utterances for the rules that look at voices: the mean over time of the base recogniser's encoder
    frames (`asr`), which reflect how things are said and what is misrecognised; or those of the base speaker encoder
    (`speaker`), which reflect who speaks. `speaker.embeddings` is read by these rules only with `speaker`."""
    voice_utterances: PositiveInt | None = 10
    """Utterances of each speaker that the base recogniser embeds, spread evenly over the speaker's utterances; null
    embeds all. The others get the cohort of their speaker. Read where `voices` is asr."""

    @model_validator(mode="after")
    def _no_rule_twice(self) -> Self:
        refuse_duplicates("cohorts.rules", self.rules)
        return self
