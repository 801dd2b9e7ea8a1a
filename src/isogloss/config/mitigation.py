"""Params of mitigation: what all methods share. The options of a method stand beside it, in `isogloss.mitigation`."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from isogloss.config.cohorts import RuleName
from isogloss.config.components import MitigationComponent
from isogloss.config.known import Known
from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

RecognizerMethod = Annotated[str, Known(MitigationComponent, adapts="recognizer")]


class ChosenOptions(Section):
    """Options of a method that were chosen on dev, and the corpus and recogniser on which they were chosen."""

    corpus: str
    """`corpus.source` of the trials."""
    recognizer: str
    """Base recogniser of the trials, as `Params.recognizer` names it."""
    options: dict[str, Any] = {}
    """The chosen options: key in the method's section -> value."""


class MitigationParams(Section):
    """What all mitigations of recognisers share: the cohorts to mitigate, and the training."""

    rule: RuleName = "geographic"
    """The cohort rule whose worst cohorts are mitigated; one of `cohorts.rules`."""
    methods: list[RecognizerMethod] = [
        "finetune",
        "ewc",
        "oversample",
        "cohort_input",
    ]
    """Names of the mitigations, each of which adapts the base recogniser. Empty only where `cohorts.rules` is."""
    seed: Seed = 1
    """Seed of each adaptation: of the utterances that an epoch draws, the order of batches, and dropout."""
    threads: PositiveInt = 1
    """CPU threads of each adaptation and of transcription by adapted models. The number is fixed, since gradients
    differ between one thread and two."""
    worst_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.15
    """Share of the speakers of discovery that the mitigated cohorts should have: cohorts are taken from the highest
    error rate on discovery downwards until they have it, at least one and never all."""
    epochs: PositiveInt = 3
    """Epochs of each adaptation."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    """Learning rate of Adam, constant; each method multiplies it by its `learning_rate_factor`."""
    batch_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of audio in one batch."""
    epoch_utterances: PositiveInt = 800
    """Utterances that an epoch draws from adapt, for a method that draws from all cohorts. Other methods take each
    utterance of the worst cohorts once per epoch."""
    chosen: dict[str, ChosenOptions] = {}
    """Method -> the options that `isogloss choose --into` chose for it on dev. It changes no result; from it a report
    says how the options were chosen."""

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        refuse_duplicates("mitigation.methods", self.methods)
        return self


class MethodParams(Section):
    """Options that the section of every method has."""

    settles: ClassVar[str] = ""
    """What the method itself chooses on dev while it adapts, in words for reports; not an option."""
    learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    """Factor of `mitigation.learning_rate`. It is the option to tune for a method that has no other, so that as many
    options can be tried for every method."""
