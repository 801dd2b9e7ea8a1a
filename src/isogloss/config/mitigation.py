"""Params of mitigation: what all methods share. The options of a method stand beside it, in `isogloss.mitigation`."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from isogloss.config.cohorts import RuleName
from isogloss.config.components import MitigationComponent
from isogloss.config.known import Known
from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

RecognizerMethod = Annotated[str, Known(MitigationComponent, adapts="recognizer")]


class ChosenOptions(Section):
    """Options of a method that were chosen on dev, and what they were chosen for."""

    corpus: str
    """`corpus.source` of the trials."""
    recognizer: str
    """The base recogniser of the trials, as `Params.recognizer` names it."""
    options: dict[str, Any] = {}


class MitigationParams(Section):
    """What every mitigation shares: which cohorts it is for, and how long it trains."""

    rule: RuleName = "geographic"
    """The cohort rule whose worst cohorts are mitigated; one of cohorts.rules."""
    methods: Annotated[list[RecognizerMethod], Field(min_length=1)] = [
        "finetune",
        "ewc",
        "oversample",
        "cohort_input",
    ]
    seed: Seed = 1
    threads: PositiveInt = 1
    worst_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.15
    """The worst cohorts are taken, by their rank on discovery, until they hold this share of its speakers."""
    epochs: PositiveInt = 5
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    batch_seconds: Annotated[float, Field(gt=0)] = 60.0
    epoch_utterances: PositiveInt = 1200
    """Utterances that an epoch draws where a method draws from more than the worst cohorts."""
    chosen: dict[str, ChosenOptions] = {}
    """By method, the options that `isogloss choose --into` chose on dev. It changes no result; it lets a report say how
    settings came about."""

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        refuse_duplicates("mitigation.methods", self.methods)
        return self


class MethodParams(Section):
    """What every method has."""

    settles: ClassVar[str] = ""
    """What the method chooses on dev by itself while it adapts, in words; no option."""
    learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    """Times `mitigation.learning_rate`: the dial of a method that has no other, so that all can be tried as often."""
