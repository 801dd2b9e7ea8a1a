"""Cohort membership as an input of the model (2207.11345, section on mitigation).

Each utterance brings the cohort that the rule of a discovery gives it, at training and at test time, never a label; an
utterance without one brings `unknown`. The new input begins at zero, so that the adaptation starts from the base model.
"""

import numpy as np
import pandas as pd

from isogloss.config import CohortInputParams
from isogloss.mitigation.base import Mitigation, Setting
from isogloss.mitigation.draws import natural_examples
from isogloss.recognizers.transducer import Transducer, with_cohort_input


class CohortInput(Mitigation[CohortInputParams, Transducer]):
    """Adapts on everybody's new data, with one input more.

    In a share of the examples the cohort is hidden, so that `unknown` is learnt too.
    """

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` of adapt, as they come."""
        drawn = natural_examples(setting.utterances, size=setting.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)

    def model(self, base: Transducer, setting: Setting) -> Transducer:
        """The base with an input for the cohorts of adapt."""
        return with_cohort_input(base, setting.cohorts, hidden_share=self.options.hidden_share)
