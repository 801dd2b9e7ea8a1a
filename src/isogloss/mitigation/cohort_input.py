"""Cohort membership as an input of the model (2207.11345, section on mitigation).

The input of each utterance is the cohort that a discovered rule assigns to it, in training and in testing, never a
label; for an utterance without a cohort it is `unknown`. The new input begins at zero, so that the adaptation starts
from the base model.
"""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.strategy import Mitigation, Setting
from isogloss.recognizers.base import Recognizer


class CohortInputParams(MethodParams):
    """Cohort membership as an input of the model (2207.11345)."""

    hidden_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the examples whose cohort is hidden in training, so that `unknown` is learnt."""


COMPONENT = MitigationComponent(name="cohort_input", options=CohortInputParams, implementation="CohortInput")


class CohortInput(Mitigation[CohortInputParams, Recognizer]):
    """Adapts on new data of all cohorts, with the cohort as an additional input.

    In a share of the examples the cohort is hidden, so that `unknown` is learnt too.
    """

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` utterances of adapt, drawn uniformly."""
        drawn = natural_examples(setting.utterances, size=setting.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def model(self, base: Recognizer, setting: Setting) -> Recognizer:
        """The base with an input for the cohorts of adapt."""
        return base.with_cohort_input(setting.cohorts, hidden_share=self.options.hidden_share)
