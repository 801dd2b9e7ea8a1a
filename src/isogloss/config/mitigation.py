"""Params of mitigation: what all methods share, and one section a method."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.cohorts import CohortRule
from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

MitigationMethod = Literal["finetune", "ewc"]


class MitigationParams(Section):
    """What every mitigation shares: whom it is for, and how long it trains."""

    rule: CohortRule = "geographic"
    """The cohort rule whose worst cohorts are mitigated; one of cohorts.rules."""
    methods: Annotated[list[MitigationMethod], Field(min_length=1)] = ["finetune", "ewc"]
    seed: Seed = 1
    threads: PositiveInt = 1
    worst_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.15
    """The worst cohorts are taken, by their rank on discovery, until they hold this share of its speakers."""
    epochs: PositiveInt = 5
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    batch_seconds: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        refuse_duplicates("mitigation.methods", self.methods)
        return self


class FinetuneParams(Section):
    """Plain fine-tuning on the worst cohorts: nothing to set."""


class EwcParams(Section):
    """Elastic weight consolidation (2207.07850)."""

    strength: Annotated[float, Field(ge=0.0)] = 1e4
    """lambda in L = L_ASR + (lambda / 2) sum_i F_i (theta_i - theta*_i)^2; large, since a well-fitted model's
    per-utterance gradients, and so its Fisher information, are small."""
    fisher_utterances: PositiveInt = 800
    """Utterances of train over which the diagonal Fisher information is averaged."""
