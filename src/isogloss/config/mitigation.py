"""Params of mitigation: what all methods share, and one section a method."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.cohorts import RuleName
from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

MitigationMethod = Literal[
    "finetune",
    "finetune_all",
    "ewc",
    "l2",
    "predictor_only",
    "encoder_only",
    "mix_base_data",
    "oversample",
    "pseudo_labels",
    "cohort_input",
    "cohort_input_with_oversample",
    "arw",
    "group_dro",
    "length_normalised_dro",
]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class MitigationParams(Section):
    """What every mitigation shares: whom it is for, and how long it trains."""

    rule: RuleName = "geographic"
    """The cohort rule whose worst cohorts are mitigated; one of cohorts.rules."""
    methods: Annotated[list[MitigationMethod], Field(min_length=1)] = [
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

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        refuse_duplicates("mitigation.methods", self.methods)
        return self


class MethodParams(Section):
    """What every method has."""

    learning_rate_factor: Annotated[float, Field(gt=0)] = 1.0
    """Times `mitigation.learning_rate`: the dial of a method that has no other, so that all can be tried as often."""


class FinetuneParams(MethodParams):
    """Plain fine-tuning on the worst cohorts."""


class FinetuneAllParams(MethodParams):
    """Plain fine-tuning on everybody's new data: the control of what draws from all of it."""


class EwcParams(MethodParams):
    """Elastic weight consolidation (2207.07850)."""

    strength: Annotated[float, Field(ge=0.0)] = 1e4
    """lambda in L = L_ASR + (lambda / 2) sum_i F_i (theta_i - theta*_i)^2; large, since a well-fitted model's
    per-utterance gradients, and so its Fisher information, are small."""
    fisher_utterances: PositiveInt = 800
    """Utterances of train over which the diagonal Fisher information is averaged, in whole batches."""
    labels: Literal["empirical", "sampled"] = "empirical"
    """Gradients at the transcripts, as in the paper, or at labels drawn from the model (the true Fisher)."""


class L2Params(MethodParams):
    """L2 to the base weights."""

    strength: Annotated[float, Field(ge=0.0)] = 1.0
    """lambda in L = L_ASR + (lambda / 2) sum_i (theta_i - theta*_i)^2."""


class PredictorOnlyParams(MethodParams):
    """Fine-tuning of the predictor alone."""


class EncoderOnlyParams(MethodParams):
    """Fine-tuning of the encoder alone."""


class MixBaseDataParams(MethodParams):
    """Fine-tuning with base data mixed back in."""

    base_share: Share = 0.5
    """Share of the draws that are utterances of train."""


class OversampleParams(MethodParams):
    """Adaptation on everybody's new data, the worst cohorts oversampled (2207.11345)."""

    share: Share = 0.5
    """Share of the draws that the worst cohorts get."""


class PseudoLabelsParams(OversampleParams):
    """Oversampling with the base model's hypotheses as the worst cohorts' transcripts."""


class CohortInputParams(MethodParams):
    """Cohort membership as an input (2207.11345)."""

    hidden_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the examples whose cohort is hidden in training, so that `unknown` is learnt."""


class CohortInputWithOversampleParams(OversampleParams):
    """Cohort input and oversampling together."""

    hidden_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """As for cohort input."""


class ArwParams(MethodParams):
    """Adversarial reweighting (2207.07776)."""

    hidden_dim: Annotated[int, Field(ge=0)] = 32
    """Units of the adversary's hidden layer; 0 for a linear one."""
    adversary_learning_rate: Annotated[float, Field(gt=0)] = 1e-2


class GroupDroParams(MethodParams):
    """Group DRO over the cohorts (1911.08731)."""

    step_size: Annotated[float, Field(ge=0.0)] = 0.01


class LengthNormalisedDroParams(GroupDroParams):
    """Group DRO on the loss of a token, with smoothed growth (after 2502.01777)."""

    step_size: Annotated[float, Field(ge=0.0)] = 0.01
    smoothing: Annotated[float, Field(gt=0.0)] = 0.5
