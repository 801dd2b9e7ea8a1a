"""Oversampling of the worst cohorts in new data of all cohorts (2207.11345, section on mitigation)."""

import numpy as np
import pandas as pd

from isogloss.config.components import MitigationComponent
from isogloss.config.mitigation import MethodParams
from isogloss.config.section import Share
from isogloss.mitigation.draws import mixed_examples
from isogloss.mitigation.strategy import Mitigation, Setting
from isogloss.recognizers.base import Recognizer


class OversampleParams(MethodParams):
    """Adaptation on new data of all cohorts, with the worst cohorts oversampled (2207.11345)."""

    share: Share = 0.5
    """Share of the utterances of an epoch that are drawn from the worst cohorts."""


COMPONENT = MitigationComponent(name="oversample", options=OversampleParams, implementation="Oversample")


class Oversample(Mitigation[OversampleParams, Recognizer]):
    """Adapts on new data of all cohorts, with a larger share of the worst ones."""

    def examples(self, setting: Setting, draw: np.random.Generator) -> pd.DataFrame:
        """`mitigation.epoch_utterances` draws from adapt, `share` of them from the worst cohorts."""
        drawn = mixed_examples(
            setting.utterances,
            setting.worst,
            others="adapt",
            share=self.options.share,
            size=setting.epoch_utterances,
            draw=draw,
        )
        return drawn.assign(weight=1.0)
