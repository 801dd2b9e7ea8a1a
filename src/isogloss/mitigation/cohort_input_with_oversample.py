"""Cohort input and oversampling together (2207.11345, which found that both give no more than either)."""

from typing import Annotated

from pydantic import Field

from isogloss.config.components import MitigationComponent
from isogloss.mitigation.oversample import Oversample, OversampleParams
from isogloss.mitigation.strategy import Setting
from isogloss.recognizers.base import Recognizer


class CohortInputWithOversampleParams(OversampleParams):
    """Cohort input and oversampling together."""

    hidden_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the examples whose cohort is hidden in training, as `cohort_input.hidden_share`."""


COMPONENT = MitigationComponent(
    name="cohort_input_with_oversample",
    options=CohortInputWithOversampleParams,
    implementation="CohortInputWithOversample",
)


class CohortInputWithOversample(Oversample):
    """Adapts with the cohort as an input, on data in which the worst cohorts have a greater share."""

    options: CohortInputWithOversampleParams

    def model(self, base: Recognizer, setting: Setting) -> Recognizer:
        """The base with an input for the cohorts of adapt."""
        return base.with_cohort_input(setting.cohorts, hidden_share=self.options.hidden_share)
