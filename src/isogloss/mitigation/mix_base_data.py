"""Fine-tuning with base data mixed in: the rehearsal that EWC avoids (a baseline of 2207.07850)."""

import numpy as np
import pandas as pd

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.config.section import Share
from isogloss.mitigation.draws import mixed_examples
from isogloss.mitigation.strategy import Mitigation, Setting
from isogloss.recognizers.base import Recognizer


class MixBaseDataParams(MethodParams):
    """Fine-tuning on the worst cohorts with base data mixed in."""

    base_share: Share = 0.5
    """Share of the utterances of an epoch that are drawn from train; the others are of the worst cohorts."""


COMPONENT = MitigationComponent(name="mix_base_data", options=MixBaseDataParams, implementation="MixBaseData")


class MixBaseData(Mitigation[MixBaseDataParams, Recognizer]):
    """Fine-tuning on the worst cohorts together with utterances on which the base model was trained."""

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` draws: a larger share of base data is no longer training."""
        drawn = mixed_examples(
            setting.utterances,
            setting.worst,
            others="train",
            share=1.0 - self.options.base_share,
            size=setting.epoch_utterances,
            draw=draw,
        )
        return drawn.assign(weight=1.0)
