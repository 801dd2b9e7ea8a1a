"""Plain fine-tuning on new data of all cohorts: the control for every strategy that draws from all of it.

Our choice; neither paper on recognition reports it. Oversampling and cohort inputs adapt on new data of all cohorts, so
part of their gain over the base model comes from more data.
"""

import numpy as np
import pandas as pd

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.mitigation.draws import natural_examples
from isogloss.mitigation.strategy import Mitigation, Setting
from isogloss.recognizers.base import Recognizer


class FinetuneAllParams(MethodParams):
    """Plain fine-tuning on new data of all cohorts: the control for methods that draw from all of it."""


COMPONENT = MitigationComponent(name="finetune_all", options=FinetuneAllParams, implementation="FinetuneAll")


class FinetuneAll(Mitigation[FinetuneAllParams, Recognizer]):
    """Adapts on new data of all cohorts, in their natural shares."""

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` utterances of adapt, drawn uniformly."""
        drawn = natural_examples(setting.utterances, size=setting.epoch_utterances, draw=draw)
        return drawn.assign(weight=1.0)
