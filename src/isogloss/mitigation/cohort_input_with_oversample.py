"""Cohort input and oversampling together (2207.11345, which found that both give no more than either)."""

from isogloss.config import CohortInputWithOversampleParams
from isogloss.mitigation.base import Setting
from isogloss.mitigation.oversample import Oversample
from isogloss.recognizers.base import Recognizer


class CohortInputWithOversample(Oversample):
    """Adapts with the cohort as an input, on data in which the worst cohorts have a greater share."""

    options: CohortInputWithOversampleParams

    def model(self, base: Recognizer, setting: Setting) -> Recognizer:
        """The base with an input for the cohorts of adapt."""
        return base.with_cohort_input(setting.cohorts, hidden_share=self.options.hidden_share)
